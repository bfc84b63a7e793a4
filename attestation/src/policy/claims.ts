// What verified evidence says, each claim with whose word it is. Hardware proves
// what was measured; the verifier derives what it means from Intel's signed
// documents; what the guest merely recorded is the word of its operator.

import { toRfc3339 } from '@vorta/core'
import type { DstackClaims } from '../dstack/claims.ts'
import {
  measurementOf,
  type VerifiedQuote,
  type VerifiedSgxQuote,
  type VerifiedTdxQuote,
} from '../verified-quote.ts'
import { list } from './rule.ts'

/**
 * Who has to be believed for a claim, strongest first. `simulated` stands where
 * `hardware-proven` would stand, had there been hardware; `enclave-stated` is the
 * word of code that hardware has measured.
 */
export type ClaimSource =
  | 'hardware-proven'
  | 'simulated'
  | 'verifier-derived'
  | 'enclave-stated'
  | 'operator-asserted'

export type Claim = {
  readonly name: string
  readonly value: string
  readonly source: ClaimSource
  /** The key or party whose word it is in the end. */
  readonly anchor: string
}

type Pairs = readonly (readonly [name: string, value: string])[]

const given = (name: string, value: string | undefined): Pairs =>
  value === undefined ? [] : [[name, value]]

/** Everything a verified quote claims, and what its event log proved where it has one. */
export function claimsOf(quote: VerifiedQuote, dstack?: DstackClaims): readonly Claim[] {
  const anchor = quote.anchor.name
  const proven = { source: quote.simulated ? 'simulated' : 'hardware-proven', anchor } as const
  const derived = { source: 'verifier-derived', anchor } as const
  // RTMR3 holds what the system in the TD wrote there: its word, once it is itself measured.
  const guest = `the guest system measured in MRTD ${measurementOf(quote)}`
  const stated = { source: 'enclave-stated', anchor: guest } as const
  const as = (pairs: Pairs, by: Pick<Claim, 'source' | 'anchor'>) =>
    pairs.map(([name, value]): Claim => ({ name, value, ...by }))
  return [
    ...as(quote.tee === 'sgx' ? sgxPairs(quote) : tdxPairs(quote), proven),
    ...as(dstack ? dstackPairs(dstack) : [], stated),
    ...as(platformPairs(quote), derived),
    ...as(tcbPairs(quote), derived),
  ]
}

const sgxPairs = (quote: VerifiedSgxQuote): Pairs => [
  ['measurement', quote.mrenclave],
  ['signer', quote.mrsigner],
  ['product', `${quote.isvProdId}, SVN ${quote.isvSvn}`],
  ['debug', String(quote.debug)],
]

const tdxPairs = ({ td, debug }: VerifiedTdxQuote): Pairs => [
  ['measurement', td.mrtd],
  ...td.rtmrs.map((value, at) => [`RTMR${at}`, value] as const),
  ['MRCONFIGID', td.mrConfigId],
  ['MROWNER', td.mrOwner],
  ['MROWNERCONFIG', td.mrOwnerConfig],
  ['TDX module', td.mrSeam],
  ['TD attributes', td.tdAttributes.raw],
  ...given('service TD', td.mrServiceTd),
  ['debug', String(debug)],
]

const dstackPairs = (dstack: DstackClaims): Pairs => [
  ['compose hash', dstack.composeHash],
  ['app', dstack.appId],
  ['app instance', dstack.instanceId],
  ...given('OS image', dstack.osImageHash),
  ...given('key provider', dstack.keyProvider),
]

/** From the certificate that Intel made for this processor. */
const platformPairs = ({ fmspc, ppidSha256, platform }: VerifiedQuote): Pairs => [
  ['FMSPC', fmspc],
  ['platform', ppidSha256],
  ...given('platform instance', platform.instanceId),
  ['memory protection', platform.sgxType],
]

function tcbPairs(quote: VerifiedQuote): Pairs {
  const current = quote.tee === 'tdx' ? quote.current : undefined
  return [
    ['TCB status', quote.status],
    ...given('TCB status now', current?.status),
    ['TCB date', quote.tcbDate],
    ['TCB evaluation', String(quote.tcbEvaluationDataNumber)],
    ['advisories', list(quote.advisoryIds)],
    ['collateral valid until', toRfc3339(quote.collateralExpires)],
  ]
}

// A policy in plain sentences, for the person who is about to rely on it: what
// it accepts, what it insists on, and what it leaves open.

import type { AttestationPolicy, Listing } from './policy.ts'
import { list } from './rule.ts'

export type Explanation = {
  readonly accepts: readonly string[]
  readonly requires: readonly string[]
  /** What the policy does not look at, and what is dangerous in it. */
  readonly leavesOpen: readonly string[]
}

export function explain(policy: AttestationPolicy): Explanation {
  return {
    accepts: [...accepted(policy), ...statuses(policy)],
    requires: required(policy),
    leavesOpen: leftOpen(policy),
  }
}

function accepted({ tees, measurements, simulated, debug }: AttestationPolicy): readonly string[] {
  const mrenclave = tees.includes('sgx') ? measurements.mrenclave : []
  const mrsigner = tees.includes('sgx') ? measurements.mrsigner : []
  const td = tees.includes('tdx') ? measurements.td : []
  const named = mrenclave.length + mrsigner.length + td.length
  return [
    ...when(named === 0, 'nothing at all: no enclave of an accepted kind is listed'),
    ...when(mrenclave.length, `SGX enclaves with one of ${mrenclave.length} MRENCLAVE values`),
    ...mrsigner.map(
      ({ mrsigner: signer, isvProdId, minIsvSvn }) =>
        `SGX enclaves signed by ${signer}: product ${isvProdId} from SVN ${minIsvSvn} on`,
    ),
    ...when(td.length, `TDX trust domains that fit one of ${td.length} td rules`),
    ...when(simulated, 'SIMULATED evidence too, which proves nothing about hardware'),
    ...when(debug, 'debug enclaves too, whose memory the host can read'),
  ]
}

const when = (shown: unknown, text: string): readonly string[] => (shown ? [text] : [])

function statuses({
  statuses: good,
  grace,
  advisories = {},
}: AttestationPolicy): readonly string[] {
  const limited = Object.entries(advisories).map(
    ([status, ids]) => `with ${status} only these advisories: ${list(ids ?? [])}`,
  )
  return [
    `TCB status ${good.join(' or ') || '(none)'}`,
    ...(grace ? [late(grace)] : []),
    ...limited,
  ]
}

function late({ statuses: names, period, until }: NonNullable<AttestationPolicy['grace']>): string {
  const end =
    until ?? `${days(period ?? 0)} after the date of the oldest TCB level that the platform lacks`
  return `for a while also ${names.join(' or ')}: until ${end}`
}

function required(policy: AttestationPolicy): readonly string[] {
  const { minTcbEvaluationDataNumber: evaluation, minTcbDate, maxCollateralAge } = policy
  const { fmspc, platforms, sgxTypes, tdx } = policy
  return [
    ...when(evaluation !== undefined, `TCB evaluation ${evaluation} or newer`),
    ...when(minTcbDate, `a TCB of ${minTcbDate} or newer`),
    ...when(
      maxCollateralAge !== undefined,
      `collateral of the last ${days(maxCollateralAge ?? 0)}`,
    ),
    ...listed('kinds of platform (FMSPC)', fmspc),
    ...listed('platforms', platforms),
    ...when(sgxTypes, `memory protection of type ${list(sgxTypes ?? [])}`),
    ...when(policy.requireNotDynamicPlatform, 'a platform to which no processor can be added'),
    ...when(policy.requireNotCachedKeys, 'a platform whose keys Intel does not keep'),
    ...when(policy.requireSmtOff, 'a platform without multithreading'),
    ...when(
      policy.tees.includes('tdx') && policy.measurements.td.length && tdx.requireSeptVeDisable,
      'TDs with SEPT_VE_DISABLE (fails on Azure, whose paravisor leaves it off)',
    ),
  ]
}

const listed = (what: string, listing: Listing | undefined): readonly string[] => [
  ...(listing?.allow ? [`one of ${listing.allow.length} known ${what}`] : []),
  ...(listing?.deny ? [`none of ${listing.deny.length} denied ${what}`] : []),
]

function leftOpen({ tees, measurements, tdx, ...policy }: AttestationPolicy): readonly string[] {
  const { td, mrsigner } = measurements
  const anyRtmr = (['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const).filter((member) =>
    td.some((rule) => rule[member] === 'any'),
  )
  return [
    ...when(mrsigner.length, 'which build of a signed product runs: the signer is trusted for it'),
    ...when(anyRtmr.length, `${anyRtmr.join(', ')}: some td rule accepts any value`),
    ...when(!policy.platforms?.allow, 'which machine: whoever owns a genuine platform may use it'),
    ...when(!policy.fmspc?.allow, 'the kind of platform'),
    ...when(policy.minTcbEvaluationDataNumber === undefined, 'how new the TCB evaluation is'),
    ...when(policy.maxCollateralAge === undefined, 'how old the collateral is, while it is valid'),
    ...when(!policy.advisories, 'which advisories apply, where the status is accepted'),
    ...when(tees.includes('tdx') && tdx.migratable, 'where a TD is moved to'),
  ]
}

const days = (ms: number): string =>
  ms % 86_400_000 === 0 ? `${ms / 86_400_000} days` : `${Math.floor(ms / 1000)} seconds`

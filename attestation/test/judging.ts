// Quotes to judge, and judging in few words. The quotes are verified ones of the
// simulated platform.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { anchorFromPem, intelAnchor } from '../src/anchors.ts'
import type { DstackClaims } from '../src/dstack/claims.ts'
import type { PolicyFault } from '../src/errors.ts'
import { policyDecoder } from '../src/policy/decoder.ts'
import { judge } from '../src/policy/judge.ts'
import type { AttestationPolicy } from '../src/policy/policy.ts'
import type { TdOptions } from '../src/simulated/platform.ts'
import type { VerifiedQuote, VerifiedSgxQuote, VerifiedTdxQuote } from '../src/verified-quote.ts'
import { verifyQuote } from '../src/verify-quote.ts'
import { measurement, platform, reportData, now as today, verify, verifyTd } from './fixture.ts'

export const readPolicy = (value: unknown): AttestationPolicy =>
  decode(policyDecoder, value, (text) => new Error(text))

export async function sgxQuote(parts?: Parameters<typeof verify>[0]): Promise<VerifiedSgxQuote> {
  const quote = await verify(parts)
  if (quote.tee !== 'sgx') throw new Error('the simulated quote is one of SGX')
  return quote
}

/** Accepts the SGX quote. */
export const acceptsSgx = { simulated: true, measurements: { mrenclave: [toHex(measurement)] } }

const wide = (byte: number): Uint8Array => new Uint8Array(48).fill(byte)

const tdOptions: TdOptions = {
  measurement: wide(0x10),
  rtmrs: [wide(0x20), wide(0x21), wide(0x22), wide(0x23)],
  mrConfigId: wide(0x30),
  mrOwner: wide(0x31),
  mrOwnerConfig: wide(0x32),
  reportData,
}

/** A quote of a TD, with some fields of its report exchanged before it is signed. */
export const tdQuote = (options: Partial<TdOptions> = {}): Promise<VerifiedTdxQuote> =>
  verifyTd({ quote: platform.tdQuote({ ...tdOptions, ...options }) })

export const { td } = await tdQuote()

export const dstack: DstackClaims = {
  appId: 'a1'.repeat(20),
  composeHash: 'c0'.repeat(32),
  instanceId: '1d'.repeat(20),
  osImageHash: '05'.repeat(32),
}

/** Fits the TD quote. */
export const tdRule = {
  mrtd: [td.mrtd],
  rtmr0: [td.rtmrs[0]],
  rtmr1: [td.rtmrs[1]],
  rtmr2: [td.rtmrs[2]],
  rtmr3: [td.rtmrs[3]],
}

/** Accepts the TD quote. */
export const acceptsTd = { simulated: true, tees: ['tdx'], measurements: { td: [tdRule] } }

/** The codes of all rules that are broken. */
export const faults = (
  policy: unknown,
  quote: VerifiedQuote,
  at: number = today,
  claims?: DstackClaims,
): readonly PolicyFault[] =>
  judge(readPolicy(policy), quote, at, claims).findings.flatMap(({ code }) => code ?? [])

const folder = join(import.meta.dirname, '../../../shared/vectors/quotes')

/** Why tests with the shared vectors are skipped; false where they run. */
export const absent = existsSync(folder) ? false : 'the shared vectors are not on this machine'

export type Vector = {
  readonly quote: VerifiedQuote
  readonly now: number
  readonly eventLog?: string
}

/** A shared vector, verified as of its day. */
export async function verifyVector(id: string): Promise<Vector> {
  const file = JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8'))
  const now = file.verifyTime * 1000
  const anchors = id.startsWith('sim-')
    ? [anchorFromPem('simulated', 'root of the vector', file.rootCaPem)]
    : [intelAnchor]
  const bytes = fromHex(file.quote) ?? new Uint8Array()
  const quote = await verifyQuote(nodeCrypto, bytes, file.collateral, { anchors, now })
  return { quote, now, ...(file.dstack && { eventLog: file.dstack.event_log }) }
}

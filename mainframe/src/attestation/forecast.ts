// Will this enclave still be accepted when Intel's next evaluation is in force,
// and if not, until when? Nothing is guessed about the platform: its evidence is
// verified and judged a second time, by the edition of the collateral that Intel
// publishes ahead. Only the day on which that becomes the standard is an estimate.

import {
  type AttestationPolicy,
  judge,
  type TrustAnchor,
  type VerifiedQuote,
  verifyQuote,
} from '@vorta/attestation'
import type { Held } from '@vorta/attestation/collateral-service/collateral-service'
import type { EvaluationNumbers } from '@vorta/attestation/evaluation-numbers'
import type { Memory } from '@vorta/attestation/memory'
import { parseQuote } from '@vorta/attestation/quote'
import { type Shortfall, tcbShortfalls } from '@vorta/attestation/tcb-shortfall'
import { type Crypto, VortaError } from '@vorta/core'

export type Forecast = {
  /** When it was made, in milliseconds. */
  readonly time: number
  /** From when on the policy refuses the TCB; absent where all known editions are accepted. */
  readonly deadline?: number
  /** Intel has published the edition that will refuse it, but does not demand it yet. */
  readonly estimated: boolean
  /** By the edition that sets the deadline, else by the newest known. */
  readonly status: string
  readonly evaluationNumber: number
  readonly advisoryIds: readonly string[]
  /** What the platform lacks for an accepted status. */
  readonly shortfalls: readonly Shortfall[]
}

export type Editions = {
  /** What evidence is judged by today. */
  readonly present: Held
  /** What Intel has announced; undefined where it cannot be had. */
  readonly early: Held | undefined
  /** Empty where they cannot be had. */
  readonly numbers: EvaluationNumbers
}

export type ForecastOptions = {
  readonly crypto: Crypto
  readonly policy: AttestationPolicy
  readonly anchors: readonly TrustAnchor[]
  readonly now: number
  /** How long after a TCB recovery event Intel makes the early edition the standard one. */
  readonly standardAfterMs: number
  readonly memory: Memory
}

/**
 * `quote` was accepted when it was presented. Throws where an edition cannot judge it, as one that
 * has run out: that says nothing about the platform.
 */
export async function forecast(
  quote: Uint8Array,
  editions: Editions,
  options: ForecastOptions,
): Promise<Forecast> {
  const { present, early } = editions
  const today = await lookAt(quote, present, options)
  const isAhead = early && numberOf(early) > numberOf(present)
  if (today.endsAt !== undefined || !isAhead)
    return { ...today.forecast, ...deadline(today, false) }
  const then = await lookAt(quote, early, options)
  if (then.endsAt === undefined) return then.forecast
  const inForce = standardFrom(editions.numbers, then.asked, numberOf(early), options)
  const endsAt = Math.max(then.endsAt, inForce)
  return { ...then.forecast, ...deadline({ endsAt }, true) }
}

const deadline = ({ endsAt }: { readonly endsAt?: number | undefined }, estimated: boolean) =>
  endsAt === undefined ? {} : { deadline: endsAt, estimated }

const numberOf = ({ verified }: Held): number => verified.tcbInfo.evaluationNumber

/** Older than every level, or revoked: such a quote is refused at once. */
const platformFaults: readonly string[] = [
  'TCB_NOT_SUPPORTED',
  'TDX_MODULE_MISMATCH',
  'QEID_MISMATCH',
  'PCK_REVOKED',
  'CA_REVOKED',
]

type Look = {
  readonly forecast: Forecast
  /** When the policy's patience ends; now, where it has none. Absent where it accepts. */
  readonly endsAt?: number | undefined
  /** Since when the patch it lacks has been asked for, as far as the collateral tells. */
  readonly asked?: number | undefined
}

async function lookAt(
  quote: Uint8Array,
  held: Held,
  { crypto, policy, anchors, now, memory }: ForecastOptions,
): Promise<Look> {
  const { collateral, verified: documents } = held
  const evaluationNumber = numberOf(held)
  const base = { time: now, estimated: false, evaluationNumber }
  try {
    const verified = await verifyQuote(crypto, quote, collateral, { anchors, now, memory })
    const forecast = {
      ...base,
      status: verified.status,
      advisoryIds: verified.advisoryIds,
      shortfalls: tcbShortfalls(
        levelsOf(quote, verified),
        documents,
        collateral.tcb_info,
        policy.statuses,
      ),
    }
    const endsAt = endOfPatience(policy, verified, now)
    if (endsAt === undefined) return { forecast: { ...forecast, shortfalls: [] } }
    return { forecast, endsAt, asked: verified.requiredSince }
  } catch (thrown) {
    const { code } = VortaError.from(thrown)
    if (!platformFaults.includes(code)) throw thrown
    const forecast = { ...base, status: code, advisoryIds: [], shortfalls: [] }
    return { forecast, endsAt: now }
  }
}

// The rules that Intel's documents decide. The others were judged with the whole
// evidence when it was presented, and no new edition changes their answer.
const tcbRules: readonly string[] = ['tcb-status', 'advisories', 'evaluation-number', 'tcb-date']

/** Only the status has a grace; any other broken rule refuses at once. */
function endOfPatience(policy: AttestationPolicy, verified: VerifiedQuote, now: number) {
  const { findings, graceDeadline } = judge(policy, verified, now)
  const broken = findings.filter(({ rule, ok }) => !ok && tcbRules.includes(rule))
  if (broken.some(({ rule }) => rule !== 'tcb-status')) return now
  return graceDeadline ?? (broken.length > 0 ? now : undefined)
}

function levelsOf(quote: Uint8Array, verified: VerifiedQuote) {
  const { qeReport } = parseQuote(quote)
  const { componentSvns, pceSvn } = verified.platform
  const tdx = verified.tee === 'tdx' ? { teeTcbSvn: verified.td.teeTcbSvn } : {}
  return { componentSvns, pceSvn, qeIsvSvn: qeReport.isvSvn, ...tdx }
}

/** When the announced edition becomes the standard one, by Intel's habit; never in the past. */
function standardFrom(
  numbers: EvaluationNumbers,
  asked: number | undefined,
  evaluationNumber: number,
  { now, standardAfterMs }: ForecastOptions,
): number {
  const event = numbers.find(({ number }) => number === evaluationNumber)?.recoveryEventAt
  const from = event ?? asked
  return from === undefined ? now : Math.max(now, from + standardAfterMs)
}

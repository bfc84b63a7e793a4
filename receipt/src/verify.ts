// Verification: is this receipt genuine? It needs the file, trust anchors and
// the time, and asks nobody. Whether a genuine receipt is also wanted is
// policy: policy.ts. The checks themselves are in checks.ts.

import type { TrustAnchor } from '@vorta/attestation'
import type { Crypto, VerificationError } from '@vorta/core'
import { asVerificationError, type Check, createChecklist } from './checklist.ts'
import {
  checkCheckpoint,
  checkEnvelope,
  checkEvidence,
  checkFormat,
  checkInclusion,
  checkLogEntry,
  checkOrder,
  checkStatement,
  checkSubject,
} from './checks.ts'
import { type Claim, claimsOf } from './claims.ts'
import type { ReceiptFacts } from './facts.ts'
import { type Freshness, freshnessOf } from './freshness.ts'

/** The checks in their order. */
export const checkNames = [
  'format',
  'envelope',
  'statement',
  'subject',
  'evidence',
  'log-entry',
  'checkpoint',
  'inclusion',
  'order',
] as const

export type CheckName = (typeof checkNames)[number]

export type ReceiptOptions = {
  /** The roots to trust; no default. */
  readonly anchors: readonly TrustAnchor[]
  /** The moment to verify for, in milliseconds since the epoch. */
  readonly now: number
}

export type ReceiptVerification =
  | {
      readonly ok: true
      readonly checks: readonly Check<CheckName>[]
      readonly facts: ReceiptFacts
      /** The same for people, each with whose word it is. */
      readonly claims: readonly Claim[]
      /** Whether the quote is still genuine at `now`; `ok` is about when it was logged. */
      readonly freshness: Freshness
      readonly failure?: undefined
    }
  | {
      readonly ok: false
      readonly checks: readonly Check<CheckName>[]
      readonly failure: VerificationError
      /** Nothing of a refused receipt is a fact. */
      readonly facts?: undefined
      readonly claims?: undefined
      readonly freshness?: undefined
    }

/**
 * Verifies a receipt file offline. Never throws on any input: a refusal is
 * `ok: false` with the failed check, its code, and the checks not performed.
 *
 * @example
 * const verification = await verifyReceipt(webCrypto, file, { anchors: [intelAnchor], now: Date.now() })
 * if (!verification.ok) report(verification.failure.code)
 */
export async function verifyReceipt(
  crypto: Crypto,
  file: Uint8Array,
  options: ReceiptOptions,
): Promise<ReceiptVerification> {
  const { run, report } = createChecklist(checkNames)
  try {
    const receipt = await run('format', () => checkFormat(file))
    const payload = await run('envelope', () => checkEnvelope(crypto, receipt))
    const statement = await run('statement', () => checkStatement(payload, receipt))
    await run('subject', () => checkSubject(crypto, statement))
    const guest = await run('evidence', () => checkEvidence(crypto, receipt, options.anchors))
    const entry = await run('log-entry', () => checkLogEntry(crypto, receipt, statement))
    const checkpoint = await run('checkpoint', () => checkCheckpoint(crypto, receipt, statement))
    await run('inclusion', () => checkInclusion(crypto, receipt, entry, checkpoint))
    const loggedAt = await run('order', () => checkOrder(receipt, statement, options.now))

    const { key } = statement.predicate.log
    const log = { ...checkpoint, key, index: receipt.log.index, time: loggedAt }
    const facts = { simulated: guest.quote.simulated, statement, ...guest, log }
    const freshness = await freshnessOf(crypto, receipt.evidence, options)
    return { ok: true, checks: report(), facts, claims: claimsOf(facts), freshness }
  } catch (thrown) {
    return { ok: false, checks: report(), failure: asVerificationError(thrown) }
  }
}

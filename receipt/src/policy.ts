// Policy: do I accept this genuine receipt? Every rule is judged and listed. A
// policy that pins no log key accepts the log the enclave was told about, and
// the report says that this was not checked.

import {
  type AttestationPolicy,
  policyDecoder as attestationPolicyDecoder,
  judge,
} from '@vorta/attestation'
import { toRfc3339 } from '@vorta/core'
import { array, type Decoder, duration, object, oneOf, optional } from '@vorta/core/decode'
import { type Check, finding } from './checklist.ts'
import type { ReceiptFacts } from './facts.ts'
import { vkeyText } from './note.ts'

export type ReceiptPolicy = {
  /** Which enclaves. Denies by default: an empty one accepts nothing. */
  readonly attestation: AttestationPolicy
  /** The logs to believe, as C2SP vkeys. */
  readonly logs?: readonly string[]
  /** The verdict the proof must have; without it both are accepted. */
  readonly verdict?: 'valid' | 'invalid'
  /** How long ago the receipt may have been logged, in milliseconds. */
  readonly maxAge?: number
}

/** A policy as it stands in a YAML or JSON file; `maxAge` is written as "720h". */
export const receiptPolicyDecoder: Decoder<ReceiptPolicy> = object({
  attestation: attestationPolicyDecoder,
  logs: optional(array(vkeyText, 64)),
  verdict: optional(oneOf('valid', 'invalid')),
  maxAge: optional(duration),
})

export type JudgingTimes = {
  /** The moment as of which the quote is judged: when it was logged, or now. */
  readonly asOf: number
  /** The moment from which the receipt's age counts. */
  readonly now: number
}

/** Judges verified facts, times in milliseconds; accepted if no finding failed. */
export function judgeReceipt(
  policy: ReceiptPolicy,
  facts: ReceiptFacts,
  { asOf, now }: JudgingTimes,
): readonly Check[] {
  const { findings, notChecked } = judge(policy.attestation, facts.quote, asOf, facts.dstack)
  return [
    ...findings.map(({ rule, ok, code, detail }): Check => {
      const outcome = ok ? 'passed' : 'failed'
      return { name: rule, outcome, detail, ...(code && { code }) }
    }),
    judgeLog(policy, facts),
    judgeVerdict(policy, facts),
    judgeAge(policy, facts, now),
    ...notChecked.map(
      ({ rule, detail }): Check => ({ name: rule, outcome: 'not-performed', detail }),
    ),
  ]
}

function judgeLog({ logs }: ReceiptPolicy, { log }: ReceiptFacts): Check {
  if (!logs) {
    return {
      name: 'log-key',
      outcome: 'not-performed',
      detail: `the policy pins no log; ${log.key} is only what the enclave was told`,
    }
  }
  return finding('log-key', 'LOG_NOT_TRUSTED', logs.includes(log.key), log.key)
}

function judgeVerdict({ verdict }: ReceiptPolicy, { statement }: ReceiptFacts): Check {
  const got = statement.predicate.proof.verdict
  const detail = `${got}; accepted: ${verdict ?? 'any'}`
  return finding(
    'verdict',
    'VERDICT_NOT_ACCEPTED',
    verdict === undefined || got === verdict,
    detail,
  )
}

function judgeAge({ maxAge }: ReceiptPolicy, { log }: ReceiptFacts, now: number): Check {
  const limit = maxAge === undefined ? 'no limit' : `at most ${Math.floor(maxAge / 1000)} s`
  const detail = `logged ${toRfc3339(log.time)}; ${limit}`
  return finding('age', 'RECEIPT_TOO_OLD', maxAge === undefined || now - log.time <= maxAge, detail)
}

// The whole answer for the command line and the browser page: verification,
// policy and what else was asked, as of when the receipt was logged and as of
// now.

import type { Crypto } from '@vorta/core'
import type { Check } from './checklist.ts'
import type { Claim } from './claims.ts'
import { checkExpectations, checkOutputs, type Expectations, type OutputFile } from './expect.ts'
import type { ReceiptFacts } from './facts.ts'
import { judgeReceipt, type ReceiptPolicy } from './policy.ts'
import { type ReceiptOptions, type ReceiptVerification, verifyReceipt } from './verify.ts'

export type AppraisalOptions = ReceiptOptions & {
  readonly policy: ReceiptPolicy
  readonly outputs?: readonly OutputFile[]
  readonly expect?: Expectations
}

export type Verdict = {
  readonly accepted: boolean
  /** The first thing that stands against it. */
  readonly code?: string
  readonly detail: string
}

export type Appraisal = {
  /** The answer: the receipt is genuine as of when it was logged, and everything asked of it holds. */
  readonly accepted: boolean
  /** Judged with the collateral and at the time of the log. */
  readonly asOfLogged: Verdict
  /** The same at the time asked for; it can differ, since collateral runs out. */
  readonly asOfNow: Verdict
  readonly checks: readonly Check[]
  /** Policy rules, outputs and expectations; none where verification failed. */
  readonly findings: readonly Check[]
  /** Show it wherever the receipt is shown; undefined where nothing could be verified. */
  readonly simulated: boolean | undefined
  readonly facts: ReceiptFacts | undefined
  readonly claims: readonly Claim[]
}

/** Verifies a receipt file and judges it by a policy. Never throws on any file. */
export async function appraiseReceipt(
  crypto: Crypto,
  file: Uint8Array,
  options: AppraisalOptions,
): Promise<Appraisal> {
  const verification = await verifyReceipt(crypto, file, options)
  if (!verification.ok) return refused(verification)
  const { checks, facts, claims, freshness } = verification
  const { policy, now, outputs = [], expect = {} } = options
  const asked = [...checkOutputs(crypto, facts, outputs), ...checkExpectations(facts, expect)]
  const findings = [...judgeReceipt(policy, facts, { asOf: facts.log.time, now }), ...asked]
  const findingsNow = [...judgeReceipt(policy, facts, { asOf: now, now }), ...asked]
  const asOfLogged = verdictOf(findings, `accepted: ${facts.quote.status} when it was logged`)
  const { state, code, detail } = freshness
  const asOfNow =
    state === 'fresh'
      ? verdictOf(findingsNow, `accepted: ${detail}`)
      : { accepted: false, detail: `${state}: ${detail}`, ...(code && { code }) }
  return {
    accepted: asOfLogged.accepted,
    asOfLogged,
    asOfNow,
    checks,
    findings,
    simulated: facts.simulated,
    facts,
    claims,
  }
}

function verdictOf(findings: readonly Check[], accepted: string): Verdict {
  const failed = findings.find((finding) => finding.outcome === 'failed')
  if (!failed) return { accepted: true, detail: accepted }
  const detail = `${failed.name}: ${failed.detail}`
  return { accepted: false, detail, ...(failed.code && { code: failed.code }) }
}

function refused({ checks, failure }: ReceiptVerification & { readonly ok: false }): Appraisal {
  const verdict = { accepted: false, code: failure.code, detail: failure.message }
  return {
    accepted: false,
    asOfLogged: verdict,
    asOfNow: verdict,
    checks,
    findings: [],
    simulated: undefined,
    facts: undefined,
    claims: [],
  }
}

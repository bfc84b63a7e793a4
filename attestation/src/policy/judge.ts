// Policy: do I accept this genuine quote? A step of its own with an error class
// of its own: nothing in here can make a false quote true. Every rule is judged
// and listed; what the policy leaves open is listed too.

import type { DstackClaims } from '../dstack/claims.ts'
import { type PolicyFault, reject } from '../errors.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import * as enclave from './enclave-rules.ts'
import { measurementRule } from './measurement-rule.ts'
import * as platform from './platform-rules.ts'
import type { AttestationPolicy } from './policy.ts'
import type { NotChecked, Rule } from './rule.ts'
import * as tcb from './tcb-rules.ts'

const rules: readonly Rule[] = [
  enclave.teeRule,
  enclave.simulatedRule,
  enclave.debugRule,
  enclave.provisioningRule,
  enclave.tdAttributesRule,
  enclave.septVeRule,
  enclave.migratableRule,
  enclave.serviceTdRule,
  tcb.statusRule,
  tcb.advisoryRule,
  measurementRule,
  tcb.evaluationRule,
  tcb.tcbDateRule,
  platform.fmspcRule,
  platform.platformRule,
  platform.sgxTypeRule,
  platform.dynamicPlatformRule,
  platform.cachedKeysRule,
  platform.smtRule,
  tcb.collateralAgeRule,
]

export type PolicyFinding = {
  readonly rule: string
  readonly ok: boolean
  /** Present where the rule is broken. */
  readonly code?: PolicyFault
  readonly detail: string
}

export type Judgement = {
  /** False exactly where the state is `refused`. */
  readonly accepted: boolean
  /** `grace`: accepted for now, until the deadline, while the platform is patched. */
  readonly state: 'accepted' | 'grace' | 'refused'
  /** Milliseconds; where the TCB status is one that passes only by grace, also once that is over. */
  readonly graceDeadline?: number
  /** One for each rule that was judged. */
  readonly findings: readonly PolicyFinding[]
  /** What the policy or the evidence leaves open. */
  readonly notChecked: readonly NotChecked[]
}

/**
 * Judges a genuine quote as of `now`, in milliseconds. `dstack` is what the
 * event log of a TD proved (verifyEvidence gives it); without it no rule that
 * names a compose hash or an application can hold.
 */
export function judge(
  policy: AttestationPolicy,
  quote: VerifiedQuote,
  now: number,
  dstack?: DstackClaims,
): Judgement {
  const findings: PolicyFinding[] = []
  const notChecked: NotChecked[] = []
  let deadline: number | undefined
  for (const { name: rule, judge: ask } of rules) {
    const given = ask(policy, { quote, dstack }, now)
    if (!given) continue
    const { outcome, detail } = given
    if (outcome === 'open') {
      notChecked.push({ rule, detail })
      continue
    }
    findings.push({
      rule,
      ok: outcome === 'holds',
      detail,
      ...(given.code && { code: given.code }),
    })
    notChecked.push(...(given.notChecked ?? []))
    deadline ??= given.graceDeadline
  }
  const accepted = findings.every(({ ok }) => ok)
  const late = deadline === undefined ? {} : { graceDeadline: deadline }
  const state = accepted ? (deadline === undefined ? 'accepted' : 'grace') : 'refused'
  return { accepted, state, ...late, findings, notChecked }
}

/**
 * The same, for callers that go on only with an accepted quote. Throws
 * PolicyError with the first broken rule's code; the hints name all of them.
 */
export function requireAccepted(
  policy: AttestationPolicy,
  quote: VerifiedQuote,
  now: number,
  dstack?: DstackClaims,
): Judgement {
  const judgement = judge(policy, quote, now, dstack)
  const broken = judgement.findings.filter((finding) => !finding.ok)
  const first = broken[0]
  if (first?.code) {
    throw reject(
      first.code,
      `policy rule ${first.rule}: ${first.detail}`,
      Object.fromEntries(broken.map(({ rule, code }) => [rule, code ?? ''])),
      broken.map(({ rule, detail }) => `${rule}: ${detail}`),
    )
  }
  return judgement
}

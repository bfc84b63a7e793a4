// What a rule of a policy is, and the answers it can give. A rule gives none at
// all about a kind of enclave that it is not for.

import type { DstackClaims } from '../dstack/claims.ts'
import type { PolicyFault } from '../errors.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import type { AttestationPolicy } from './policy.ts'

/** What is judged: a genuine quote, and what its event log proved where it has one. */
export type Subject = { readonly quote: VerifiedQuote; readonly dstack?: DstackClaims | undefined }

/** Something that the policy, or the evidence, leaves open. */
export type NotChecked = { readonly rule: string; readonly detail: string }

export type Answer =
  | {
      readonly outcome: 'holds' | 'broken'
      /** Present where it is broken. */
      readonly code?: PolicyFault
      readonly detail: string
      /** It holds by grace, until this moment in milliseconds; present also once that has passed. */
      readonly graceDeadline?: number
      readonly notChecked?: readonly NotChecked[]
    }
  | { readonly outcome: 'open'; readonly detail: string }

export type Rule = {
  readonly name: string
  readonly judge: (policy: AttestationPolicy, subject: Subject, now: number) => Answer | undefined
}

export const answer = (ok: boolean, code: PolicyFault, detail: string): Answer =>
  ok ? { outcome: 'holds', detail } : { outcome: 'broken', code, detail }

export const open = (detail: string): Answer => ({ outcome: 'open', detail })

export const list = (names: readonly string[]): string =>
  names.length > 0 ? names.join(', ') : 'none'

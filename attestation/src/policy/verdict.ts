// The whole answer about a genuine quote, to be shown, stored or signed: the
// judgement with all its rules, what the quote claims and by whose word, and by
// which policy and for which moment this holds.

import { type Canonical, type Crypto, canonicalDigest } from '@vorta/core'
import type { VerifiedQuote } from '../verified-quote.ts'
import { type Claim, claimsOf } from './claims.ts'
import { type Judgement, judge } from './judge.ts'
import type { AttestationPolicy } from './policy.ts'
import type { Subject } from './rule.ts'

export type Verdict = Judgement & {
  readonly quote: VerifiedQuote
  readonly claims: readonly Claim[]
  /** SHA-256 of the policy's canonical JSON, hex: see policyDigest. */
  readonly policyDigest: string
  /** The moment it was judged for, in milliseconds. */
  readonly time: number
}

/**
 * Names a policy by what it means: comments, order of members and defaults that
 * are written out make no difference.
 */
export const policyDigest = (crypto: Crypto, policy: AttestationPolicy): string =>
  canonicalDigest(crypto, policy as Canonical)

/** Judges a genuine quote as of `now`, in milliseconds, and says everything about it. */
export function verdictOf(
  crypto: Crypto,
  policy: AttestationPolicy,
  { quote, dstack }: Subject,
  now: number,
): Verdict {
  return {
    ...judge(policy, quote, now, dstack),
    quote,
    claims: claimsOf(quote, dstack),
    policyDigest: policyDigest(crypto, policy),
    time: now,
  }
}

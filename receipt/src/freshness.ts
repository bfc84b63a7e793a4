// The second verdict: would the quote still be judged genuine at a later time?
// It was judged by the collateral of the day it was logged, and that collateral
// runs out after some weeks. A stale receipt is not a false one.

import { type Evidence, verifyEvidence } from '@vorta/attestation'
import type { Crypto } from '@vorta/core'
import { asVerificationError } from './checklist.ts'
import type { ReceiptOptions } from './verify.ts'

export type Freshness = {
  /** `stale`: the collateral has run out since. `refused`: not genuine for another reason. */
  readonly state: 'fresh' | 'stale' | 'refused'
  readonly code?: string
  readonly detail: string
}

/** What merely runs out; any other code is about the evidence itself. */
const expiries: ReadonlySet<string> = new Set([
  'CERT_EXPIRED',
  'CRL_EXPIRED',
  'TCB_EXPIRED',
  'QEID_EXPIRED',
])

/** Judges evidence, verified before, once more as of `now`. */
export async function freshnessOf(
  crypto: Crypto,
  evidence: Evidence,
  options: ReceiptOptions,
): Promise<Freshness> {
  try {
    const { quote } = await verifyEvidence(crypto, evidence, options)
    const end = new Date(quote.collateralExpires).toISOString()
    return { state: 'fresh', detail: `the collateral is valid until ${end}` }
  } catch (thrown) {
    const { code, message } = asVerificationError(thrown)
    return { state: expiries.has(code) ? 'stale' : 'refused', code, detail: message }
  }
}

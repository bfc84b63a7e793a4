// Which kind of evidence an unverified quote would be, by the root that its own
// chain names. Good for choosing the collateral to verify it with; whether it is
// what it says follows from that verification alone.

import { equal } from '@vorta/core'
import { simulatedAnchor } from './anchors.ts'
import type { EvidenceKind } from './evidence-kind.ts'
import { readPckChain } from './pck-chain.ts'
import { parseQuote } from './quote.ts'

const pckChain = 5

/** Throws VerificationError for what is no quote. */
export function kindOfQuote(bytes: Uint8Array): EvidenceKind {
  const { tee, certification } = parseQuote(bytes)
  // Simulated quotes always carry their chain.
  if (certification.type !== pckChain) return tee
  const { intermediate } = readPckChain(certification, undefined)
  return equal(intermediate.issuer, simulatedAnchor.subject) ? 'simulated' : tee
}

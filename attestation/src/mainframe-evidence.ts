// Evidence of a mainframe that runs in an enclave or a confidential VM itself:
// its quote binds the key of its transparency log and the key it speaks TLS
// with, so that both are known to belong to the code that was measured.

import type { Crypto } from '@vorta/core'
import {
  type Decoder,
  decode,
  object,
  oneOf,
  optional,
  sha256Hex,
  string,
} from '@vorta/core/decode'
import { reportDataOf } from './claims.ts'
import { refuse } from './errors.ts'
import {
  type EvidenceOptions,
  type QuoteEvidence,
  quoteEvidenceShape,
  type VerifiedGuest,
  verifyBound,
} from './evidence.ts'

export const mainframePurpose = 'vorta.org/mainframe/v1'

export type MainframeClaims = {
  readonly purpose: typeof mainframePurpose
  /** Verifier key of its transparency log, a C2SP vkey. */
  readonly log: string
  /** SHA-256 of its TLS key as DER SubjectPublicKeyInfo, in hex; absent where it speaks none. */
  readonly tls?: string
  /** The verifier's challenge, 32 bytes in hex. */
  readonly nonce: string
}

export type MainframeEvidence = QuoteEvidence & { readonly claims: MainframeClaims }

export const mainframeEvidenceDecoder: Decoder<MainframeEvidence> = object({
  ...quoteEvidenceShape,
  claims: object({
    purpose: oneOf(mainframePurpose),
    log: string({ min: 1, max: 512 }),
    tls: optional(sha256Hex),
    nonce: sha256Hex,
  }),
})

/** What the verifier sees of the mainframe by itself. */
export type MainframeOptions = EvidenceOptions & {
  readonly nonce: string
  /** Of the TLS connection that the evidence came by; absent where that had none. */
  readonly tls?: string
}

/**
 * Is the quote genuine, fresh, and about the TLS key of this very connection? Whose
 * log key it names, the caller compares. Throws VerificationError: the codes of
 * verifyBound, NONCE_MISMATCH, MAINFRAME_TLS_MISMATCH.
 */
export async function verifyMainframeEvidence(
  crypto: Crypto,
  untrusted: MainframeEvidence,
  { nonce, tls, ...options }: MainframeOptions,
): Promise<VerifiedGuest & { readonly claims: MainframeClaims }> {
  const evidence = decode(mainframeEvidenceDecoder, untrusted, (text) =>
    refuse('EVIDENCE_FORMAT', `evidence: ${text}`),
  )
  const { claims } = evidence
  const guest = await verifyBound(crypto, evidence, reportDataOf(crypto, claims), options)
  if (claims.nonce !== nonce) {
    throw refuse('NONCE_MISMATCH', `nonce: expected ${nonce}, got ${claims.nonce}`)
  }
  if (claims.tls !== tls) {
    const [expected, got] = [claims.tls ?? 'no TLS', tls ?? 'no TLS']
    throw refuse('MAINFRAME_TLS_MISMATCH', `TLS key: expected ${expected}, got ${got}`)
  }
  return { ...guest, claims }
}

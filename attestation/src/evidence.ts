// Evidence as it travels in a receipt: a quote, the collateral to judge it by,
// and the claims it binds. Verifying it answers one question: which public key
// belongs to which genuine enclave. Whether that enclave is wanted is policy.

import { type Crypto, decodeP256Spki, equal, fromBase64, type P256PublicKey } from '@vorta/core'
import { type Decoder, decode, object, oneOf, string } from '@vorta/core/decode'
import { claimsDecoder, type EnclaveKeyClaims, reportDataOf } from './claims.ts'
import { type Collateral, collateralDecoder } from './collateral.ts'
import { refuse } from './errors.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import { type VerifyOptions, verifyQuote } from './verify-quote.ts'

export type Evidence = {
  readonly tee: 'sgx' | 'simulated'
  readonly claims: EnclaveKeyClaims
  /** Base64. */
  readonly quote: string
  readonly collateral: Collateral
}

// 64 KiB of quote in base64.
const maxQuoteText = 88 * 1024

export const evidenceDecoder: Decoder<Evidence> = object({
  tee: oneOf('sgx', 'simulated'),
  claims: claimsDecoder,
  quote: string({ min: 4, max: maxQuoteText, what: 'a quote in base64' }),
  collateral: collateralDecoder,
})

export type EvidenceOptions = VerifyOptions & {
  /** The challenge that was sent, 64 hex digits; absent where none was, as in a receipt. */
  readonly nonce?: string
}

export type VerifiedEvidence = {
  readonly quote: VerifiedQuote
  readonly key: P256PublicKey
  /** The same key as DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

/**
 * Is the quote genuine, and does it bind the key of the claims?
 * Throws VerificationError: the codes of verifyQuote, TEE_MISMATCH,
 * REPORT_DATA_MISMATCH, NONCE_MISMATCH, CLAIMS_FORMAT, EVIDENCE_FORMAT.
 */
export async function verifyEvidence(
  crypto: Crypto,
  evidence: Evidence,
  options: EvidenceOptions,
): Promise<VerifiedEvidence> {
  const {
    tee,
    claims,
    quote: text,
    collateral,
  } = decode(evidenceDecoder, evidence, (fault) => refuse('EVIDENCE_FORMAT', `evidence: ${fault}`))
  const { key, spki } = readKey(claims)
  const bytes = fromBase64(text)
  if (!bytes) throw refuse('EVIDENCE_FORMAT', 'evidence: quote is not canonical base64')
  const quote = await verifyQuote(crypto, bytes, collateral, options)
  checkTee(tee, quote)
  checkBinding(crypto, claims, quote)
  checkNonce(claims, options.nonce)
  return { quote, key, spki }
}

function readKey(claims: EnclaveKeyClaims): Omit<VerifiedEvidence, 'quote'> {
  const spki = fromBase64(claims.spki)
  const key = spki && decodeP256Spki(spki)
  if (!spki || !key) {
    throw refuse('CLAIMS_FORMAT', 'claims: spki is not the DER of a P-256 public key in base64')
  }
  return { key, spki }
}

function checkTee(named: Evidence['tee'], quote: VerifiedQuote): void {
  const proven = quote.simulated ? 'simulated' : quote.tee
  if (named !== proven) {
    throw refuse('TEE_MISMATCH', `evidence: expected kind ${proven}, got ${named}`)
  }
}

/** All 64 bytes are compared: a tail that is not zero would be bound to nothing. */
function checkBinding(crypto: Crypto, claims: EnclaveKeyClaims, quote: VerifiedQuote): void {
  if (!equal(quote.reportData, reportDataOf(crypto, claims))) {
    throw refuse('REPORT_DATA_MISMATCH', 'report data is not the hash of the claims')
  }
}

function checkNonce(claims: EnclaveKeyClaims, nonce: string | undefined): void {
  if (nonce !== undefined && claims.nonce !== nonce) {
    throw refuse('NONCE_MISMATCH', `nonce: expected ${nonce}, got ${claims.nonce}`)
  }
}

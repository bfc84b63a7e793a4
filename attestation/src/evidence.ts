// Evidence as it travels in a receipt: a quote, the collateral to judge it by,
// the event log that belongs to it, and the claims it binds. Verifying it answers
// one question: which public key belongs to which genuine enclave. Whether that
// enclave is wanted is policy.

import { type Crypto, decodeP256Spki, equal, fromBase64, type P256PublicKey } from '@vorta/core'
import { type Decoder, decode, object, optional, string } from '@vorta/core/decode'
import { claimsDecoder, type EnclaveKeyClaims, reportDataOf } from './claims.ts'
import { type Collateral, collateralDecoder } from './collateral.ts'
import { type DstackClaims, verifyEventLog } from './dstack/claims.ts'
import { maxEventLog } from './dstack/limits.ts'
import { refuse } from './errors.ts'
import { type EvidenceKind, evidenceKind } from './evidence-kind.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import { type VerifyOptions, verifyQuote } from './verify-quote.ts'

/** A quote with what it takes to judge it; what it is about, its report data says. */
export type QuoteEvidence = {
  readonly tee: EvidenceKind
  /** Base64. */
  readonly quote: string
  readonly collateral: Collateral
  /** Of a dstack guest: a JSON array, the very text that the guest agent gave. */
  readonly eventLog?: string
}

export type Evidence = QuoteEvidence & { readonly claims: EnclaveKeyClaims }

// 64 KiB of quote in base64.
const maxQuoteText = 88 * 1024

/** The members of a QuoteEvidence, for documents that have more. */
export const quoteEvidenceShape = {
  tee: evidenceKind,
  quote: string({ min: 4, max: maxQuoteText, what: 'a quote in base64' }),
  collateral: collateralDecoder,
  eventLog: optional(string({ min: 2, max: maxEventLog, what: 'an event log in JSON' })),
} as const

export const evidenceDecoder: Decoder<Evidence> = object({
  ...quoteEvidenceShape,
  claims: claimsDecoder,
})

export type EvidenceOptions = VerifyOptions & {
  /** The challenge that was sent, 64 hex digits; absent where none was, as in a receipt. */
  readonly nonce?: string
}

/** What is known of a genuine quote and of the event log that came with it. */
export type VerifiedGuest = {
  readonly quote: VerifiedQuote
  /** Only where there was an event log. */
  readonly dstack?: DstackClaims
}

export type VerifiedEvidence = VerifiedGuest & {
  readonly key: P256PublicKey
  /** The same key as DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

/**
 * Is the quote genuine, and does it bind the key of the claims? Throws
 * VerificationError: the codes of verifyBound, NONCE_MISMATCH, CLAIMS_FORMAT.
 */
export async function verifyEvidence(
  crypto: Crypto,
  untrusted: Evidence,
  options: EvidenceOptions,
): Promise<VerifiedEvidence> {
  const evidence = decode(evidenceDecoder, untrusted, malformed)
  const { claims } = evidence
  const { key, spki } = readKey(claims)
  const guest = await verifyBound(crypto, evidence, reportDataOf(crypto, claims), options)
  checkNonce(claims, options.nonce)
  return { ...guest, key, spki }
}

/**
 * Is the quote genuine, of the kind it is said to be, with an event log of its
 * own, and about this report data? Throws VerificationError: the codes of
 * verifyQuote and verifyEventLog, EVIDENCE_FORMAT, TEE_MISMATCH,
 * REPORT_DATA_MISMATCH.
 */
export async function verifyBound(
  crypto: Crypto,
  { tee, quote: text, collateral, eventLog }: QuoteEvidence,
  reportData: Uint8Array,
  options: VerifyOptions,
): Promise<VerifiedGuest> {
  const bytes = fromBase64(text)
  if (!bytes) throw malformed('quote is not canonical base64')
  const quote = await verifyQuote(crypto, bytes, collateral, options)
  checkTee(tee, quote)
  checkBinding(quote, reportData)
  return eventLog === undefined
    ? { quote }
    : { quote, dstack: verifyEventLogOf(crypto, quote, eventLog) }
}

/** The claims of the event log that came with a verified quote. Throws the codes of verifyEventLog. */
export function verifyEventLogOf(
  crypto: Crypto,
  quote: VerifiedQuote,
  eventLog: string,
): DstackClaims {
  if (quote.tee === 'tdx') return verifyEventLog(crypto, eventLog, quote.td)
  throw refuse('EVENT_LOG_FORMAT', 'event log: a quote of SGX has none')
}

const malformed = (text: string) => refuse('EVIDENCE_FORMAT', `evidence: ${text}`)

function readKey(claims: EnclaveKeyClaims): Pick<VerifiedEvidence, 'key' | 'spki'> {
  const spki = fromBase64(claims.spki)
  const key = spki && decodeP256Spki(spki)
  if (!spki || !key) {
    throw refuse('CLAIMS_FORMAT', 'claims: spki is not the DER of a P-256 public key in base64')
  }
  return { key, spki }
}

function checkTee(named: EvidenceKind, quote: VerifiedQuote): void {
  const proven = quote.simulated ? 'simulated' : quote.tee
  if (named !== proven) {
    throw refuse('TEE_MISMATCH', `evidence: expected kind ${proven}, got ${named}`)
  }
}

/** All 64 bytes are compared: a tail that is not zero would be bound to nothing. */
function checkBinding(quote: VerifiedQuote, reportData: Uint8Array): void {
  if (!equal(quote.reportData, reportData)) {
    throw refuse('REPORT_DATA_MISMATCH', 'report data is not the hash of the claims')
  }
}

function checkNonce(claims: EnclaveKeyClaims, nonce: string | undefined): void {
  if (nonce !== undefined && claims.nonce !== nonce) {
    throw refuse('NONCE_MISMATCH', `nonce: expected ${nonce}, got ${claims.nonce}`)
  }
}

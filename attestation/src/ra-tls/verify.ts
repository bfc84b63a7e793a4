// Whose key does an RA-TLS certificate show? Its quote is genuine and binds the
// certificate's key. Whether that enclave is wanted is another question: judge
// it by a policy. That the peer holds the key is for the TLS handshake to prove.

import { type Bytes, type Crypto, equal, toRfc3339 } from '@vorta/core'
import type { Collateral } from '../collateral.ts'
import { type DstackClaims, verifyEventLog } from '../dstack/claims.ts'
import { refuse, reject } from '../errors.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import { type VerifyOptions, verifyQuote } from '../verify-quote.ts'
import { parseRaTlsCertificate, type RaTlsCertificate, type RaTlsEvidence } from './certificate.ts'
import { claimsName, type KeyHolder, raTlsReportData, readRaTlsClaims } from './claims.ts'

export type RaTlsOptions = VerifyOptions & {
  /** Finds what to judge a quote by; the quote is not verified yet. */
  readonly collateral: (quote: Uint8Array) => Promise<Collateral>
  /** The challenge that was sent; absent where none was. */
  readonly nonce?: Uint8Array
}

export type VerifiedRaTls = {
  readonly quote: VerifiedQuote
  /** What the event log beside the quote proves, where there is one. */
  readonly dstack?: DstackClaims
  /** The quote as it stands in the certificate. */
  readonly quoteBytes: Bytes
  /** DER SubjectPublicKeyInfo of the TLS key, P-256 or P-384. */
  readonly spki: Bytes
  readonly holder: KeyHolder
  readonly form: RaTlsEvidence['form']
  /** End of the certificate's validity, in milliseconds. */
  readonly notAfter: number
}

/**
 * Verifies a certificate (DER). Throws VerificationError: the codes of verifyQuote and
 * verifyEventLog, DER, RATLS_*; and whatever code `collateral` throws.
 */
export async function verifyRaTlsCertificate(
  crypto: Crypto,
  der: Uint8Array,
  { collateral, nonce, ...options }: RaTlsOptions,
): Promise<VerifiedRaTls> {
  const certificate = parseRaTlsCertificate(der)
  const { spki, evidence, notAfter } = certificate
  if (!evidence) throw refuse('RATLS_NO_EVIDENCE', 'RA-TLS certificate: has no quote')
  checkPeriod(certificate, options.now)
  // What costs no signature comes first.
  const { bound, holder } = checkKey(crypto, spki, evidence, nonce)
  const quote = await verifyQuote(crypto, evidence.quote, await collateral(evidence.quote), options)
  // All 64 bytes: a tail that is not zero would be bound to nothing.
  if (!equal(quote.reportData, raTlsReportData(crypto, bound))) {
    throw refuse('RATLS_REPORT_DATA', 'RA-TLS quote: was made for other claims or another key')
  }
  const dstack = readEventLog(crypto, evidence, quote)
  return {
    quote,
    ...(dstack && { dstack }),
    quoteBytes: evidence.quote,
    spki,
    holder,
    form: evidence.form,
    notAfter,
  }
}

function readEventLog(
  crypto: Crypto,
  evidence: RaTlsEvidence,
  quote: VerifiedQuote,
): DstackClaims | undefined {
  if (evidence.form === 'legacy' || evidence.eventLog === undefined) return undefined
  if (quote.tee !== 'tdx') {
    throw refuse('RATLS_EVIDENCE', 'RA-TLS certificate: an event log belongs to a TDX quote')
  }
  return verifyEventLog(crypto, evidence.eventLog, quote.td)
}

function checkPeriod({ notBefore, notAfter }: RaTlsCertificate, now: number): void {
  if (!(now >= notBefore && now <= notAfter)) {
    const period = `${toRfc3339(notBefore)} to ${toRfc3339(notAfter)}`
    throw refuse('RATLS_NOT_IN_FORCE', `RA-TLS certificate: in force from ${period}`)
  }
}

/** What the quote must have hashed, if it is to bind this key. */
function checkKey(
  crypto: Crypto,
  spki: Bytes,
  evidence: RaTlsEvidence,
  nonce: Uint8Array | undefined,
): { readonly bound: Bytes; readonly holder: KeyHolder } {
  if (evidence.form === 'legacy') {
    checkNonce(undefined, nonce)
    return { bound: spki, holder: 'enclave' }
  }
  const claims = readRaTlsClaims(evidence.claims)
  if (!claimsName(crypto, claims, spki)) {
    throw refuse('RATLS_KEY_MISMATCH', 'RA-TLS claims: are about another key')
  }
  checkNonce(claims.nonce, nonce)
  return { bound: evidence.claims, holder: claims.holder }
}

function checkNonce(claimed: Uint8Array | undefined, sent: Uint8Array | undefined): void {
  if (sent && !(claimed && equal(claimed, sent))) {
    throw refuse('RATLS_NONCE', 'RA-TLS claims: answer another challenge, or none')
  }
}

/** For whoever is about to hand over a secret. Throws PolicyError RATLS_HOST_KEY. */
export function requireEnclaveKey({ holder }: Pick<VerifiedRaTls, 'holder'>): void {
  if (holder !== 'enclave') {
    throw reject('RATLS_HOST_KEY', 'the TLS key is held by the host of the enclave', { holder }, [
      'secrets go to a key that the enclave itself holds',
    ])
  }
}

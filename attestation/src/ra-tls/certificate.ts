// An RA-TLS certificate: self-signed, with a quote in an extension. Read with
// our own strict DER reader. `new X509Certificate(der)` of Node must never be
// used here: it looks for PEM text first, finds that of the PCK chain inside the
// quote, and hands back a certificate that the peer may choose freely.
//
// The self-signature is not checked, for it adds nothing: the TLS handshake
// proves possession of the key (RFC 8446, section 4.4.3), the quote says whose
// key it is.

import { type Bytes, equal, fromHex, fromUtf8, own } from '@vorta/core'
import { DerReader, openDer, readSmall, readTime, readUnsigned, tags } from '../der.ts'
import { refuse } from '../errors.ts'
import { readExtensions } from '../extensions.ts'
import { CborReader, cbor } from './cbor.ts'

/** Where an RA-TLS certificate keeps its quote, and what that quote binds. */
export type RaTlsEvidence =
  | {
      readonly form: 'dice'
      readonly quote: Bytes
      readonly claims: Bytes
      /** Of a dstack guest. */
      readonly eventLog?: string
    }
  /** Gramine before 1.8: the quote binds the key directly. */
  | { readonly form: 'legacy'; readonly quote: Bytes }

export type RaTlsCertificate = {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Bytes
  /** Milliseconds. */
  readonly notBefore: number
  readonly notAfter: number
  /** Absent in an ordinary certificate. */
  readonly evidence?: RaTlsEvidence
}

/** Gramine's has two quotes and takes 10 KiB, dstack's 30 KiB; OpenSSL takes no more than this. */
export const maxRaTlsCertificate = 100 * 1024

/** TCG DICE tagged evidence. */
export const diceOid = '2.23.133.5.4.9'
/**
 * Meant as 1.2.840.113741.1337.6. Gramine writes a whole DER OBJECT IDENTIFIER,
 * its tag and length too, as the content of one, and this is what that reads as.
 */
export const legacyOid = '0.6.9.42.840.113741.1337.6'

/** dstack's event log: JSON in an OCTET STRING. */
export const eventLogOid = '1.3.6.1.4.1.62397.1.2'

/** CBOR tag of a TEE quote with claims (CCC interoperable RA-TLS). */
const teeQuoteTag = 60_000

// Critical in some issuers' certificates. They limit what a certificate may be
// used for by those who trust its issuer, and nobody trusts an issuer here.
const usageOids = ['2.5.29.15', '2.5.29.19', '2.5.29.37']

// AlgorithmIdentifier and the first byte of an uncompressed point: P-256, P-384.
const keyPrefixes = [
  fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004')!,
  fromHex('3076301006072a8648ce3d020106052b8104002203620004')!,
] as const

const misfit = (text: string) => refuse('RATLS_CERTIFICATE', `RA-TLS certificate: ${text}`)

/**
 * Throws VerificationError: RATLS_CERTIFICATE, DER, and RATLS_EVIDENCE for tagged
 * evidence that is there and cannot be read; the older form is no way out then.
 */
export function parseRaTlsCertificate(der: Uint8Array): RaTlsCertificate {
  if (der.length > maxRaTlsCertificate) {
    throw misfit(`expected at most ${maxRaTlsCertificate} bytes, got ${der.length}`)
  }
  const outer = openDer(der, tags.sequence)
  const body = new DerReader(outer.read(tags.sequence).content)
  const signed = outer.read(tags.sequence).raw
  outer.read(tags.bitString)
  outer.end()

  const version = body.inside(tags.context0)
  if (readSmall(version, 255) !== 2) throw misfit('expected version 3, got another one')
  version.end()
  if (readUnsigned(body).length > 21) throw misfit('expected a serial of at most 20 bytes')
  if (!equal(body.read(tags.sequence).raw, signed)) throw misfit('names two signature algorithms')
  body.read(tags.sequence) // issuer
  const validity = body.inside(tags.sequence)
  const notBefore = readTime(validity)
  const notAfter = readTime(validity)
  validity.end()
  body.read(tags.sequence) // subject
  const spki = readSpki(body.read(tags.sequence).raw)
  const wrapper = body.inside(tags.context3)
  const known = [diceOid, legacyOid, eventLogOid, ...usageOids]
  const evidence = readEvidence(readExtensions(wrapper, known, 'RATLS_CERTIFICATE'))
  wrapper.end()
  body.end()
  return { spki, notBefore, notAfter, ...(evidence && { evidence }) }
}

function readSpki(raw: Uint8Array): Bytes {
  const known = keyPrefixes.some(
    (prefix) => equal(raw.subarray(0, prefix.length), prefix) && raw.length === 2 + (raw[1] ?? 0),
  )
  if (!known) throw misfit('expected an uncompressed P-256 or P-384 public key, got another kind')
  return own(raw)
}

function readEvidence(extensions: ReadonlyMap<string, Uint8Array>): RaTlsEvidence | undefined {
  const tagged = extensions.get(diceOid)
  if (tagged) return readTaggedEvidence(tagged, extensions.get(eventLogOid))
  const legacy = extensions.get(legacyOid)
  return legacy && { form: 'legacy', quote: own(legacy) }
}

function readTaggedEvidence(content: Uint8Array, log: Uint8Array | undefined): RaTlsEvidence {
  const reader = new CborReader(content, 'RATLS_EVIDENCE')
  reader.tag(teeQuoteTag)
  reader.array(2)
  const quote = reader.bytes()
  const claims = reader.bytes()
  reader.end()
  return { form: 'dice', quote, claims, ...(log && { eventLog: readEventLog(log) }) }
}

function readEventLog(content: Uint8Array): string {
  const reader = new DerReader(content)
  const text = fromUtf8(reader.read(tags.octetString).content)
  reader.end()
  if (text === undefined) throw misfit('expected an event log in UTF-8')
  return text
}

/** The content of the tagged evidence extension. */
export const taggedEvidence = (quote: Uint8Array, claims: Uint8Array): Bytes =>
  cbor.tag(teeQuoteTag, cbor.array(cbor.bytes(quote), cbor.bytes(claims)))

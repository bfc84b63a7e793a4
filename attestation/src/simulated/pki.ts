// The simulated SGX PKI: certificates and CRLs with the fields that Intel's
// have (Intel SGX PCK Certificate and CRL Profile Specification) and with names
// that nobody can take for Intel's.

import { type Bytes, concat, encodeP256Spki, type P256PublicKey, toBase64, utf8 } from '@vorta/core'
import { tags } from '../der.ts'
import {
  bitString,
  boolean,
  element,
  integer,
  name,
  octets,
  oid,
  sequence,
  smallInteger,
  time,
} from '../der-writer.ts'
import { type SimulatedKey, sha256, signDer, simulatedKey } from './keys.ts'

export type Issuer = { readonly subject: Bytes; readonly key: SimulatedKey }

const entity = (commonName: string, role: string): Issuer => ({
  subject: name(commonName),
  key: simulatedKey(role),
})

export const root = entity('Vorta SIMULATED SGX Root CA', 'root')
export const platformCa = entity('Vorta SIMULATED SGX PCK Platform CA', 'PCK Platform CA')
export const tcbSigner = entity('Vorta SIMULATED SGX TCB Signing', 'TCB signing')
export const pckSubject = name('Vorta SIMULATED SGX PCK Certificate')

// Wide enough for every clock a test may use.
const always = { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2049, 11, 31) }

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))
const digitalSignatureAndNonRepudiation = bitString(Uint8Array.of(0xc0), 6)
const keyCertSignAndCrlSign = bitString(Uint8Array.of(0x06), 1)

const extension = (id: string, value: Uint8Array): Bytes => sequence(oid(id), octets(value))
const criticalExtension = (id: string, value: Uint8Array): Bytes =>
  sequence(oid(id), boolean(true), octets(value))

/** Identifies a key by its hash: the first 20 bytes are as good as any (RFC 5280, 4.2.1.2). */
const keyId = (key: P256PublicKey): Bytes => sha256(encodeP256Spki(key)).slice(0, 20)

const authorityKeyIdentifier = (issuer: Issuer): Bytes =>
  extension('2.5.29.35', sequence(element(0x80, keyId(issuer.key.publicKey))))

/** 20 bytes, positive; the same for the same subject and key. */
export function serialOf(subject: Uint8Array, key: P256PublicKey): Bytes {
  const serial = sha256(concat(subject, key.x, key.y)).slice(0, 20)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial
}

type Template = {
  readonly issuer: Issuer
  readonly subject: Uint8Array
  readonly key: P256PublicKey
  /** CA certificates only: how many CAs may follow. */
  readonly pathLength?: number
  readonly validity?: { readonly notBefore: number; readonly notAfter: number }
  readonly more?: readonly Uint8Array[]
}

/** A certificate in DER. */
export function certify(template: Template): Bytes {
  const { issuer, subject, key, pathLength, validity = always, more = [] } = template
  const isCa = pathLength !== undefined
  const constraints = isCa ? sequence(boolean(true), smallInteger(pathLength)) : sequence()
  const crl = element(0x86, utf8('http://127.0.0.1/simulated.crl'))
  const extensions = sequence(
    authorityKeyIdentifier(issuer),
    extension('2.5.29.31', sequence(sequence(element(0xa0, element(0xa0, crl))))),
    extension('2.5.29.14', octets(keyId(key))),
    criticalExtension(
      '2.5.29.15',
      isCa ? keyCertSignAndCrlSign : digitalSignatureAndNonRepudiation,
    ),
    criticalExtension('2.5.29.19', constraints),
    ...more,
  )
  return signed(
    issuer,
    sequence(
      element(tags.context0, smallInteger(2)),
      integer(serialOf(subject, key)),
      ecdsaWithSha256,
      issuer.subject,
      sequence(time(validity.notBefore), time(validity.notAfter)),
      subject,
      encodeP256Spki(key),
      element(tags.context3, extensions),
    ),
  )
}

type CrlTemplate = {
  readonly issuer: Issuer
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly revoked?: readonly Uint8Array[]
}

/** A CRL in DER; every entry says keyCompromise. */
export function revocationList({
  issuer,
  thisUpdate,
  nextUpdate,
  revoked = [],
}: CrlTemplate): Bytes {
  const reason = sequence(extension('2.5.29.21', element(tags.enumerated, Uint8Array.of(1))))
  const entries = revoked.map((serial) => sequence(integer(serial), time(thisUpdate), reason))
  const extensions = sequence(
    authorityKeyIdentifier(issuer),
    extension('2.5.29.20', smallInteger(1)),
  )
  return signed(
    issuer,
    sequence(
      smallInteger(1),
      ecdsaWithSha256,
      issuer.subject,
      time(thisUpdate),
      time(nextUpdate),
      ...(entries.length > 0 ? [sequence(...entries)] : []),
      element(tags.context0, extensions),
    ),
  )
}

const signed = ({ key }: Issuer, tbs: Bytes): Bytes =>
  sequence(tbs, ecdsaWithSha256, bitString(signDer(key, tbs)))

export function pem(...certificates: readonly Uint8Array[]): string {
  const lines = (der: Uint8Array): string => (toBase64(der).match(/.{1,64}/g) ?? []).join('\n')
  return certificates
    .map((der) => `-----BEGIN CERTIFICATE-----\n${lines(der)}\n-----END CERTIFICATE-----\n`)
    .join('')
}

// Signatures are randomised, so each process has certificates of its own for the
// same keys; a verifier pins keys, and it makes no difference.
export const rootCertificate = certify({
  issuer: root,
  subject: root.subject,
  key: root.key.publicKey,
  pathLength: 1,
})
export const platformCaCertificate = certify({
  issuer: root,
  subject: platformCa.subject,
  key: platformCa.key.publicKey,
  pathLength: 0,
})
export const tcbSignerCertificate = certify({
  issuer: root,
  subject: tcbSigner.subject,
  key: tcbSigner.key.publicKey,
})

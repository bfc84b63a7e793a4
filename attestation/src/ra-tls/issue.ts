// Makes RA-TLS certificates: a fresh P-256 key, and a certificate that shows
// whose it is. Node only. The evidence comes from whoever can make quotes, and
// is asked for once the key is there.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { type Bytes, own, utf8 } from '@vorta/core'
import { tags } from '../der.ts'
import {
  bitString,
  boolean,
  element,
  integer,
  octets,
  oid,
  sequence,
  smallInteger,
  time,
} from '../der-writer.ts'
import { diceOid, eventLogOid, taggedEvidence } from './certificate.ts'

/** What a TLS end shows and signs with; PEM, as node:tls takes it. */
export type TlsIdentity = { readonly cert: string; readonly key: string }

export type QuotedClaims = {
  /** Over the hash of the claims. */
  readonly quote: Uint8Array
  /** CBOR: see claims.ts. */
  readonly claims: Uint8Array
  readonly eventLog?: string
}

export type RaTlsKey = {
  readonly privateKey: KeyObject
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Bytes
}

export function createRaTlsKey(): RaTlsKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, spki: own(publicKey.export({ type: 'spki', format: 'der' })) }
}

export type IssueOptions = {
  readonly key: RaTlsKey
  /** Shown in logs by who receives it; nothing rests on it. */
  readonly commonName: string
  /** Absent for a certificate that proves no enclave. */
  readonly evidence?: QuotedClaims
  /** Milliseconds. */
  readonly now: number
  readonly lifetime: number
}

// For a peer whose clock is behind.
const backdated = 10 * 60_000

export function issueCertificate(options: IssueOptions): TlsIdentity {
  const { key, commonName, evidence, now, lifetime } = options
  const name = sequence(
    element(tags.set, sequence(oid('2.5.4.3'), element(tags.utf8String, utf8(commonName)))),
  )
  const der = selfSigned(key, {
    serial: randomBytes(16),
    name,
    notBefore: now - backdated,
    notAfter: now + lifetime,
    extensions: [
      sequence(oid('2.5.29.19'), boolean(true), octets(sequence())), // no CA
      ...(evidence ? evidenceExtensions(evidence) : []),
    ],
  })
  return {
    cert: toPem(der),
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

const evidenceExtensions = ({ quote, claims, eventLog }: QuotedClaims): readonly Bytes[] => [
  sequence(oid(diceOid), octets(taggedEvidence(quote, claims))),
  ...(eventLog === undefined ? [] : [sequence(oid(eventLogOid), octets(octets(utf8(eventLog))))]),
]

export type Template = {
  /** Big-endian, positive. */
  readonly serial: Uint8Array
  /** DER Name of issuer and subject. */
  readonly name: Uint8Array
  readonly notBefore: number
  readonly notAfter: number
  /** DER Extensions, one each. */
  readonly extensions: readonly Uint8Array[]
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/** A self-signed certificate in DER. */
export function selfSigned({ privateKey, spki }: RaTlsKey, template: Template): Bytes {
  const { serial, name, notBefore, notAfter, extensions } = template
  const body = sequence(
    element(tags.context0, smallInteger(2)),
    integer(serial),
    ecdsaWithSha256,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    spki,
    element(tags.context3, sequence(...extensions)),
  )
  return sequence(body, ecdsaWithSha256, bitString(sign('sha256', body, privateKey)))
}

export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

// X.509 version 3 certificates of the SGX PKI (RFC 5280; Intel SGX PCK
// Certificate and CRL Profile Specification). Reads fields and refuses what the
// profile does not have; trust is decided in pck-chain.ts and signed-json.ts.

import { type Bytes, decodeP256Spki, fromUtf8, type P256PublicKey, toHex } from '@vorta/core'
import { openDer, readOid, readSmall, readTime, readUnsigned, tags } from './der.ts'
import { refuse } from './errors.ts'
import { readExtensions, readTrue } from './extensions.ts'
import { openSigned, readAlgorithm } from './signed-der.ts'

export type Certificate = {
  readonly raw: Uint8Array
  readonly signedData: Uint8Array
  readonly signature: Bytes
  /** Content bytes of the INTEGER in hex: serials are compared as bytes, never as numbers. */
  readonly serial: string
  /** Names as raw DER, compared byte by byte. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly commonName: string
  readonly notBefore: number
  readonly notAfter: number
  readonly key: P256PublicKey
  readonly isCa: boolean
  /** keyUsage keyCertSign. */
  readonly signsCertificates: boolean
  /** keyUsage cRLSign. */
  readonly signsCrls: boolean
  /** Content of Intel's SGX extension, where present. */
  readonly sgxExtension?: Uint8Array
}

const oids = {
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  crlDistributionPoints: '2.5.29.31',
  authorityKeyIdentifier: '2.5.29.35',
  sgx: '1.2.840.113741.1.13.1',
} as const

const misfit = (text: string) => refuse('CERT_FORMAT', `certificate: ${text}`)

export function parseCertificate(der: Uint8Array): Certificate {
  const { body, signedData, signature } = openSigned(der, 'CERT_FORMAT')
  const version = body.inside(tags.context0)
  if (readSmall(version, 255) !== 2) throw misfit('expected version 3, got another one')
  version.end()
  const serial = toHex(readUnsigned(body))
  readAlgorithm(body, 'CERT_FORMAT')
  const issuer = body.read(tags.sequence).raw
  const validity = body.inside(tags.sequence)
  const notBefore = readTime(validity)
  const notAfter = readTime(validity)
  validity.end()
  const subject = body.read(tags.sequence).raw
  const key = decodeP256Spki(body.read(tags.sequence).raw)
  if (!key) throw misfit('expected an uncompressed P-256 public key, got another kind')
  const wrapper = body.inside(tags.context3)
  const extensions = readExtensions(wrapper, Object.values(oids), 'CERT_FORMAT')
  wrapper.end()
  body.end()
  return {
    raw: der,
    signedData,
    signature,
    serial,
    issuer,
    subject,
    commonName: readCommonName(subject),
    notBefore,
    notAfter,
    key,
    ...readUsage(extensions),
  }
}

function readUsage(extensions: ReadonlyMap<string, Uint8Array>) {
  const usage = readKeyUsage(extensions.get(oids.keyUsage))
  const sgxExtension = extensions.get(oids.sgx)
  return {
    isCa: readIsCa(extensions.get(oids.basicConstraints)),
    signsCertificates: (usage & 0x04) !== 0,
    signsCrls: (usage & 0x02) !== 0,
    ...(sgxExtension && { sgxExtension }),
  }
}

function readIsCa(content: Uint8Array | undefined): boolean {
  if (!content) throw misfit('expected basicConstraints, got none')
  const constraints = openDer(content, tags.sequence)
  const isCa = constraints.next === tags.boolean && readTrue(constraints)
  if (isCa && !constraints.done) readSmall(constraints, 255) // pathLenConstraint: chains have a fixed length here
  constraints.end()
  return isCa
}

/** The first byte of the KeyUsage bits: bit 0 (digitalSignature) is 0x80. */
function readKeyUsage(content: Uint8Array | undefined): number {
  // BIT STRING, length, count of unused bits, bits: the profile uses the first byte only.
  const [tag, length, unused, bits] = content ?? []
  if (content?.length !== 4 || tag !== tags.bitString || length !== 2) {
    throw misfit('expected keyUsage of one byte, got none or another form')
  }
  if (unused === undefined || unused > 7 || bits === undefined || bits % 2 ** unused !== 0) {
    throw refuse('DER', 'DER: unused bits of keyUsage are not zero')
  }
  return bits
}

function readCommonName(name: Uint8Array): string {
  const names: string[] = []
  const attributes = openDer(name, tags.sequence)
  while (!attributes.done) {
    const set = attributes.inside(tags.set)
    const pair = set.inside(tags.sequence)
    set.end()
    const oid = readOid(pair)
    const tag = pair.next === tags.printableString ? tags.printableString : tags.utf8String
    const text = fromUtf8(pair.read(tag).content)
    pair.end()
    if (oid === oids.commonName) names.push(text ?? '')
  }
  const [commonName] = names
  if (names.length !== 1 || !commonName) throw misfit('expected exactly one common name')
  return commonName
}

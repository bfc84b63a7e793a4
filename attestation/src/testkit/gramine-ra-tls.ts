// RA-TLS certificates with the bytes that Gramine writes (ra_tls_attest.c), made
// by hand from its documentation and not by our own writer of claims, so that
// tests compare the reader with something else.

import { createHash, generateKeyPairSync } from 'node:crypto'
import { type Bytes, concat, fromHex, own, utf8 } from '@vorta/core'
import { tags } from '../der.ts'
import { element, octets, oid, sequence } from '../der-writer.ts'
import { type RaTlsKey, selfSigned } from '../ra-tls/issue.ts'

export type GramineOptions = {
  /** The platform's quote over 64 bytes of report data. */
  readonly quote: (reportData: Bytes) => Bytes
  readonly key?: RaTlsKey
  /** Since 1.8 Gramine writes both forms, before that the older one. */
  readonly forms?: readonly ('legacy' | 'dice')[]
  /** What stands in the place of the honest claims. */
  readonly claims?: Uint8Array
}

/** P-384, as Gramine's. */
export function createGramineKey(): RaTlsKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  return { privateKey, spki: own(publicKey.export({ type: 'spki', format: 'der' })) }
}

export const hashOf = (data: Uint8Array, algorithm = 'sha256'): Bytes =>
  own(createHash(algorithm).update(data).digest())

/** `{"pubkey-hash": bstr([1, SHA-256])}`, byte for byte. */
export const gramineClaims = (spki: Uint8Array): Bytes =>
  concat(fromHex('a16b')!, utf8('pubkey-hash'), fromHex('582482015820')!, hashOf(spki))

/** The certificate in DER. */
export function gramineCertificate({
  quote: quoteOf,
  key = createGramineKey(),
  forms = ['legacy', 'dice'],
  claims = gramineClaims(key.spki),
}: GramineOptions): Bytes {
  const quoted = (bound: Uint8Array) => quoteOf(concat(hashOf(bound), new Uint8Array(32)))
  const extension = (oidContent: string, value: Uint8Array) =>
    sequence(element(tags.oid, fromHex(oidContent)!), octets(value))
  const keyId = hashOf(key.spki, 'sha1')
  const extensions = [
    sequence(oid('2.5.29.19'), octets(sequence())),
    sequence(oid('2.5.29.14'), octets(octets(keyId))),
    sequence(oid('2.5.29.35'), octets(sequence(element(0x80, keyId)))),
  ]
  if (forms.includes('legacy')) {
    extensions.push(extension('06092a864886f84d8a3906', quoted(key.spki)))
  }
  if (forms.includes('dice')) {
    const quote = quoted(claims)
    const evidence = concat(
      fromHex('d9ea6082')!,
      fromHex('59')!,
      Uint8Array.of(quote.length >> 8, quote.length & 0xff),
      quote,
      claims.length < 24 ? Uint8Array.of(0x40 | claims.length) : Uint8Array.of(0x58, claims.length),
      claims,
    )
    extensions.push(extension('678105050409', evidence))
  }
  return selfSigned(key, {
    serial: Uint8Array.of(1),
    name: sequence(
      attribute('2.5.4.3', tags.utf8String, 'RATLS'),
      attribute('2.5.4.10', tags.utf8String, 'GramineDevelopers'),
      attribute('2.5.4.6', tags.printableString, 'US'),
    ),
    notBefore: Date.UTC(2001, 0, 1),
    notAfter: Date.UTC(2030, 11, 31, 23, 59, 59),
    extensions,
  })
}

const attribute = (type: string, tag: number, text: string): Bytes =>
  element(tags.set, sequence(oid(type), element(tag, utf8(text))))

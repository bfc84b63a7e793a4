// What an RA-TLS quote says of a TLS key: a CBOR map whose hash is the quote's
// report data (Gramine since 1.8, CCC interoperable RA-TLS). Claims that are
// not known are ignored, as that format asks.

import { type Bytes, type Crypto, concat, equal } from '@vorta/core'
import { refuse } from '../errors.ts'
import { CborReader, cbor } from './cbor.ts'

/**
 * Who holds the TLS key. `enclave`: the enclave itself, what the format means by
 * default. `host`: the untrusted process around it, for which the enclave
 * vouches; such a key is good for finding the right host, never for secrets.
 */
export type KeyHolder = 'enclave' | 'host'

export type RaTlsClaims = {
  readonly keyHash: { readonly algorithm: number; readonly hash: Bytes }
  /** The verifier's challenge. */
  readonly nonce?: Bytes
  readonly holder: KeyHolder
}

const holderClaim = 'vorta.org/transport'
/** Real challenges are 16 to 64 bytes. */
const maxClaims = 32

// IANA named information hash algorithms.
const hashes: Readonly<Record<number, 'sha256' | 'sha384' | 'sha512'>> = {
  1: 'sha256',
  7: 'sha384',
  8: 'sha512',
}

export type ClaimedKey = {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  readonly nonce?: Uint8Array
  readonly holder?: KeyHolder
}

/** The claims as they are hashed; keys in the order of RFC 8949, section 4.2.1. */
export function encodeRaTlsClaims(crypto: Crypto, { spki, nonce, holder }: ClaimedKey): Bytes {
  const keyHash = cbor.array(cbor.unsigned(1), cbor.bytes(crypto.sha256(spki)))
  return cbor.map(
    ...(nonce ? [['nonce', cbor.bytes(nonce)] as const] : []),
    ['pubkey-hash', cbor.bytes(keyHash)],
    ...(holder === 'host' ? [[holderClaim, cbor.text(holder)] as const] : []),
  )
}

/** Throws RATLS_CLAIMS. */
export function readRaTlsClaims(bytes: Uint8Array): RaTlsClaims {
  const reader = new CborReader(bytes, 'RATLS_CLAIMS')
  const count = reader.map()
  if (count > maxClaims) throw unfit(`expected at most ${maxClaims} claims, got ${count}`)
  const seen = new Set<string>()
  let keyHash: RaTlsClaims['keyHash'] | undefined
  let nonce: Bytes | undefined
  let holder: KeyHolder = 'enclave'
  for (let i = 0; i < count; i++) {
    const name = reader.text()
    if (seen.has(name)) throw unfit(`the claim "${name.slice(0, 64)}" stands twice`)
    seen.add(name)
    if (name === 'pubkey-hash') keyHash = readKeyHash(reader.bytes())
    else if (name === 'nonce') nonce = reader.bytes()
    else if (name === holderClaim) holder = readHolder(reader.text())
    else reader.skip()
  }
  reader.end()
  // Gramine takes a map without it, and then nothing binds the key.
  if (!keyHash) throw unfit('expected the claim "pubkey-hash", got none')
  return { keyHash, holder, ...(nonce && { nonce }) }
}

function readKeyHash(bytes: Uint8Array): RaTlsClaims['keyHash'] {
  const reader = new CborReader(bytes, 'RATLS_CLAIMS')
  reader.array(2)
  const algorithm = reader.unsigned()
  const hash = reader.bytes()
  reader.end()
  if (!hashes[algorithm]) throw unfit(`pubkey-hash: hash algorithm ${algorithm} is not known`)
  return { algorithm, hash }
}

function readHolder(text: string): KeyHolder {
  if (text !== 'host') throw unfit(`${holderClaim}: expected "host", got another word`)
  return text
}

/** Whether the claims are about this very key. */
export function claimsName(crypto: Crypto, { keyHash }: RaTlsClaims, spki: Uint8Array): boolean {
  const hash = hashes[keyHash.algorithm]
  return hash !== undefined && equal(crypto[hash](spki), keyHash.hash)
}

/** The 64 bytes of report data that bind claims, or a bare key in Gramine's older form. */
export const raTlsReportData = (crypto: Crypto, bound: Uint8Array): Bytes =>
  concat(crypto.sha256(bound), new Uint8Array(32))

const unfit = (text: string) => refuse('RATLS_CLAIMS', `RA-TLS claims: ${text}`)

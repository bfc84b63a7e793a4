// The few primitives a verifier needs, behind one interface, so that the same
// verifier runs on node:crypto (servers, command line) and on WebCrypto (a
// browser page). Hashing is synchronous, signatures are not: that is what
// WebCrypto can give.

import type { Bytes } from './bytes.ts'

/** A P-256 public key: the two coordinates, 32 bytes each, big-endian. */
export type P256PublicKey = { readonly x: Uint8Array; readonly y: Uint8Array }

export type Crypto = {
  readonly sha256: (data: Uint8Array) => Bytes
  /** For what others hash with them: TDX event logs, RA-TLS claims. */
  readonly sha384: (data: Uint8Array) => Bytes
  readonly sha512: (data: Uint8Array) => Bytes
  /**
   * ECDSA over P-256 with SHA-256; `signature` is r||s, 64 bytes (IEEE P1363).
   * False for a wrong signature and for a key that is not on the curve.
   */
  readonly verifyP256: (
    key: P256PublicKey,
    data: Uint8Array,
    signature: Uint8Array,
  ) => Promise<boolean>
  /** Ed25519 (RFC 8032); `key` 32 bytes, `signature` 64 bytes. */
  readonly verifyEd25519: (
    key: Uint8Array,
    data: Uint8Array,
    signature: Uint8Array,
  ) => Promise<boolean>
}

const spkiPrefix = Uint8Array.from([
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
  0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
])

/** DER SubjectPublicKeyInfo (RFC 5480) of an uncompressed P-256 point: always 91 bytes. */
export function encodeP256Spki(key: P256PublicKey): Bytes {
  const out = new Uint8Array(91)
  out.set(spkiPrefix)
  out.set(key.x, 27)
  out.set(key.y, 59)
  return out
}

/** The inverse of encodeP256Spki; undefined for any other key type or encoding. */
export function decodeP256Spki(der: Uint8Array): P256PublicKey | undefined {
  if (der.length !== 91 || !spkiPrefix.every((byte, index) => der[index] === byte)) return undefined
  return { x: der.slice(27, 59), y: der.slice(59, 91) }
}

// The verifier's primitives on node:crypto, on the thread that calls.

import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { type Bytes, own } from './bytes.ts'
import type { Crypto, P256PublicKey } from './crypto.ts'
import { ecdsaDer } from './ecdsa-der.ts'

export type NodeCryptoOptions = {
  /** How many imported keys to keep. */
  readonly maxKeys?: number
}

export function createNodeCrypto({ maxKeys = 4096 }: NodeCryptoOptions = {}): Crypto {
  const verifyP256 = p256Verifier(maxKeys)
  return {
    sha256: digest('sha256'),
    sha384: digest('sha384'),
    sha512: digest('sha512'),

    verifyP256: async (key, data, signature) => verifyP256(key, data, signature),

    verifyEd25519: async (key, data, signature) => {
      if (key.length !== 32 || signature.length !== 64) return false
      try {
        const imported = createPublicKey({
          key: { kty: 'OKP', crv: 'Ed25519', x: base64url(key) },
          format: 'jwk',
        })
        return verify(null, data, imported, signature)
      } catch {
        return false // not a valid public key
      }
    },
  }
}

type VerifyP256 = (key: P256PublicKey, data: Uint8Array, signature: Uint8Array) => boolean

/** As Crypto.verifyP256, and at once. */
export function p256Verifier(maxKeys: number): VerifyP256 {
  const keyOf = keyCache(maxKeys)
  return (key, data, signature) => {
    const imported = key.x.length === 32 && key.y.length === 32 ? keyOf(key) : undefined
    if (!imported || signature.length !== 64) return false
    return verify('sha256', data, imported, ecdsaDer(signature))
  }
}

const digest =
  (algorithm: string) =>
  (data: Uint8Array): Bytes =>
    own(hash(algorithm, data, 'buffer'))

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

const latin1 = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('latin1')

/**
 * Importing a key costs two thirds of using it once, and the same few keys verify
 * thousands of signatures. Keys are public, so the cache holds no secret.
 */
function keyCache(max: number): (key: P256PublicKey) => KeyObject | undefined {
  const keys = new Map<string, KeyObject>()
  return ({ x, y }) => {
    const id = latin1(x) + latin1(y)
    const known = keys.get(id)
    if (known) return known
    try {
      const jwk = { kty: 'EC', crv: 'P-256', x: base64url(x), y: base64url(y) }
      const imported = createPublicKey({ key: jwk, format: 'jwk' })
      const [oldest] = keys.size >= max ? keys.keys() : []
      if (oldest !== undefined) keys.delete(oldest)
      if (max > 0) keys.set(id, imported)
      return imported
    } catch {
      return undefined // not a point of the curve
    }
  }
}

export const nodeCrypto: Crypto = createNodeCrypto()

// The verifier's primitives on node:crypto.

import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { own } from './bytes.ts'
import type { Crypto, P256PublicKey } from './crypto.ts'

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

// Importing a key costs half as much as using it once, and the same few keys
// verify thousands of signatures. Keys are public, so the cache holds no secret.
const keys = new Map<string, KeyObject>()
const maxKeys = 4096

function p256Key(key: P256PublicKey): KeyObject | undefined {
  const x = base64url(key.x)
  const y = base64url(key.y)
  const id = `${x}.${y}`
  const known = keys.get(id)
  if (known) return known
  try {
    const imported = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
    if (keys.size >= maxKeys) keys.clear()
    keys.set(id, imported)
    return imported
  } catch {
    return undefined // not a point of the curve
  }
}

export const nodeCrypto: Crypto = {
  sha256: (data) => own(createHash('sha256').update(data).digest()),

  verifyP256: async (key, data, signature) => {
    const imported = key.x.length === 32 && key.y.length === 32 ? p256Key(key) : undefined
    if (!imported || signature.length !== 64) return false
    return verify('sha256', data, { key: imported, dsaEncoding: 'ieee-p1363' }, signature)
  },

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

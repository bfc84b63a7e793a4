// The verifier's primitives on WebCrypto, for browsers. Hashes come from
// @noble/hashes because WebCrypto's digest is asynchronous only.

import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { concat, own } from './bytes.ts'
import type { Crypto } from './crypto.ts'

export const webCrypto: Crypto = {
  sha256: (data) => own(sha256(data)),
  sha384: (data) => own(sha384(data)),
  sha512: (data) => own(sha512(data)),

  verifyP256: async (key, data, signature) => {
    if (key.x.length !== 32 || key.y.length !== 32 || signature.length !== 64) return false
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    try {
      const point = concat(Uint8Array.of(4), key.x, key.y)
      const imported = await crypto.subtle.importKey('raw', point, algorithm, false, ['verify'])
      return await crypto.subtle.verify(algorithm, imported, own(signature), own(data))
    } catch {
      return false // not a point of the curve
    }
  },

  verifyEd25519: async (key, data, signature) => {
    if (key.length !== 32 || signature.length !== 64) return false
    try {
      const imported = await crypto.subtle.importKey('raw', own(key), 'Ed25519', false, ['verify'])
      return await crypto.subtle.verify('Ed25519', imported, own(signature), own(data))
    } catch {
      return false // not a valid public key
    }
  },
}

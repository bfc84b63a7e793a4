// HPKE (RFC 9180), base mode, one message at a time: DHKEM(X25519, HKDF-SHA256),
// HKDF-SHA256, AES-256-GCM. The recipient is an enclave; the sender needs no
// identity, because only who knows the committed content key can seal it.

import { type Bytes, concat, own } from '@vorta/core'
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { refuse } from './codes.ts'

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)

/** Length of an encapsulated secret (RFC 9180, 7.1). */
const secretBytes = 32

/** The private half; it lives in WebCrypto and cannot be read out. */
export type Recipient = {
  /** 32 bytes: an X25519 public key. */
  readonly publicKey: Bytes
  /** Opens what was sealed to this key under the same `info`. Throws RELEASE_UNREADABLE. */
  readonly open: (info: Uint8Array, sealed: Uint8Array) => Promise<Bytes>
}

export async function createRecipient(): Promise<Recipient> {
  const { privateKey, publicKey } = await suite.GenerateKeyPair(false)
  return {
    publicKey: own(await suite.SerializePublicKey(publicKey)),
    open: async (info, sealed) => {
      const secret = own(sealed.subarray(0, secretBytes))
      const ciphertext = own(sealed.subarray(secretBytes))
      try {
        return own(await suite.Open({ privateKey, publicKey }, secret, ciphertext, { info }))
      } catch (cause) {
        throw refuse('RELEASE_UNREADABLE', `release: does not open (${nameOf(cause)})`)
      }
    },
  }
}

/** Seals a message to a recipient: encapsulated secret, then ciphertext. Throws SEALING_KEY_MISSING. */
export async function sealTo(
  publicKey: Uint8Array,
  info: Uint8Array,
  message: Uint8Array,
): Promise<Bytes> {
  try {
    const key = await suite.DeserializePublicKey(own(publicKey))
    const { encapsulatedSecret, ciphertext } = await suite.Seal(key, message, { info })
    return concat(encapsulatedSecret, ciphertext)
  } catch (cause) {
    // A key of the wrong length, or a point of small order (RFC 9180, 7.1.4).
    throw refuse('SEALING_KEY_MISSING', `sealing key: cannot be used (${nameOf(cause)})`)
  }
}

const nameOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : 'unknown')

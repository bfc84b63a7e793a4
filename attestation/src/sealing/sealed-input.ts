// One input, encrypted so that whoever stores and carries it learns its size and
// nothing else:
//
//   "vorta.org/sealed-input/v1\n"  nonce (12 bytes)  AES-256-GCM ciphertext and tag
//
// The additional data name the input, so that a sealed proof cannot stand in for
// sealed public inputs. Which job it belongs to, the digest in the spec says.

import { type Bytes, canonicalBytes, concat, equal, own, type Random, utf8 } from '@vorta/core'
import { refuse } from './codes.ts'

const purpose = 'vorta.org/sealed-input/v1'
const header = utf8(`${purpose}\n`)
// NIST SP 800-38D, 8.2.2: 96 random bits, drawn anew for each of the few inputs of a key.
const nonceBytes = 12
const tagBytes = 16

/** What sealing adds to the size of an input. */
export const sealingOverhead = header.length + nonceBytes + tagBytes

/** An enclave takes no more in one message, so a larger input could never be opened. */
export const maxInputBytes = 8 * 1024 * 1024 - sealingOverhead

const algorithm = (nonce: Bytes, input: string) => ({
  name: 'AES-GCM' as const,
  iv: nonce,
  additionalData: canonicalBytes({ purpose, input }),
})

const importKey = (key: Uint8Array, usage: 'encrypt' | 'decrypt') =>
  crypto.subtle.importKey('raw', own(key), 'AES-GCM', false, [usage])

/** Seals `plaintext` as the input of this name. Throws SEALED_INPUT_FORMAT where it is too large. */
export async function sealInput(
  key: Uint8Array,
  input: string,
  plaintext: Uint8Array,
  random: Random,
): Promise<Bytes> {
  if (plaintext.length > maxInputBytes) {
    throw refuse(
      'SEALED_INPUT_FORMAT',
      `${input}: expected at most ${maxInputBytes} bytes to seal, got ${plaintext.length}`,
    )
  }
  const nonce = random(nonceBytes)
  const imported = await importKey(key, 'encrypt')
  const sealed = await crypto.subtle.encrypt(algorithm(nonce, input), imported, own(plaintext))
  return concat(header, nonce, new Uint8Array(sealed))
}

/**
 * Opens what `sealInput` made for the same name. Throws SEALED_INPUT_FORMAT, and
 * SEALED_INPUT_FORGED where bytes, name or key are others.
 */
export async function openInput(
  key: Uint8Array,
  input: string,
  sealed: Uint8Array,
): Promise<Bytes> {
  const fits = sealed.length >= sealingOverhead && sealed.length <= maxInputBytes + sealingOverhead
  if (!fits || !equal(sealed.subarray(0, header.length), header)) {
    throw refuse('SEALED_INPUT_FORMAT', `${input}: is not a ${purpose} of a permitted size`)
  }
  const nonce = own(sealed.subarray(header.length, header.length + nonceBytes))
  const ciphertext = own(sealed.subarray(header.length + nonceBytes))
  const imported = await importKey(key, 'decrypt')
  try {
    return new Uint8Array(
      await crypto.subtle.decrypt(algorithm(nonce, input), imported, ciphertext),
    )
  } catch {
    // WebCrypto says OperationError and no more.
    throw refuse('SEALED_INPUT_FORGED', `${input}: does not open with the released key`)
  }
}

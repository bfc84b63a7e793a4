// Is a SIGSTRUCT signed by the key it carries, as EINIT would check it before an
// enclave may start? And is it about the enclave that was expected? RSA with
// exponent 3 is two multiplications: nothing but hashing is asked of `crypto`.

import { type Crypto, concat, VerificationError } from '@vorta/core'
import {
  fromBigEndian,
  keyLength,
  mrsignerOf,
  parseSigstruct,
  quotientsOf,
  type Sigstruct,
  type SigstructBody,
  signedPart,
} from './sigstruct.ts'

export type VerifiedSigstruct = Sigstruct & {
  /** 64 hex digits. */
  readonly mrsigner: string
}

/** Fields that a SIGSTRUCT must have, by name; absent ones may be anything. */
export type ExpectedSigstruct = Partial<SigstructBody> & { readonly mrsigner?: string }

/**
 * Throws a VerificationError: SIGSTRUCT_FORMAT, SIGSTRUCT_KEY, SIGSTRUCT_SIGNATURE,
 * SIGSTRUCT_QUOTIENTS or SIGSTRUCT_MISMATCH.
 */
export function verifySigstruct(
  crypto: Crypto,
  bytes: Uint8Array,
  expected: ExpectedSigstruct = {},
): VerifiedSigstruct {
  const sigstruct = parseSigstruct(bytes)
  checkKey(sigstruct)
  checkSignature(crypto, bytes, sigstruct)
  checkQuotients(sigstruct)
  const verified = { ...sigstruct, mrsigner: mrsignerOf(crypto, sigstruct) }
  checkExpected(verified, expected)
  return verified
}

function checkKey({ modulus, exponent }: Sigstruct): void {
  if (exponent !== 3) throw refuse('SIGSTRUCT_KEY', `exponent: expected 3, got ${exponent}`)
  const bits = modulus.toString(2).length
  if (bits !== 8 * keyLength || modulus % 2n === 0n) {
    throw refuse('SIGSTRUCT_KEY', `modulus: expected an odd number of 3072 bits, got ${bits} bits`)
  }
}

// DER of DigestInfo for SHA-256, up to the digest (RFC 8017, section 9.2, note 1).
const digestInfo = Uint8Array.from([
  0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
  0x00, 0x04, 0x20,
])

/** RSASSA-PKCS1-v1_5: the whole encoded message is made and compared, nothing of it is parsed. */
function checkSignature(crypto: Crypto, bytes: Uint8Array, sigstruct: Sigstruct): void {
  const { signature, modulus } = sigstruct
  const digest = crypto.sha256(signedPart(bytes))
  const padding = new Uint8Array(keyLength - 3 - digestInfo.length - digest.length).fill(0xff)
  const message = concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), digestInfo, digest)
  const recovered = (signature * signature * signature) % modulus
  if (signature >= modulus || recovered !== fromBigEndian(message)) {
    throw refuse('SIGSTRUCT_SIGNATURE', `not signed by the key with ${describe(sigstruct)}`)
  }
}

function checkQuotients({ signature, modulus, q1, q2 }: Sigstruct): void {
  const expected = quotientsOf(signature, modulus)
  if (q1 !== expected.q1) throw refuse('SIGSTRUCT_QUOTIENTS', 'Q1 is not that of the signature')
  if (q2 !== expected.q2) throw refuse('SIGSTRUCT_QUOTIENTS', 'Q2 is not that of the signature')
}

function checkExpected(verified: VerifiedSigstruct, expected: ExpectedSigstruct): void {
  for (const [name, value] of Object.entries(expected)) {
    const got = verified[name as keyof ExpectedSigstruct]
    if (got !== value) {
      throw refuse('SIGSTRUCT_MISMATCH', `${name}: expected ${show(value)}, got ${show(got)}`)
    }
  }
}

const show = (value: string | number | bigint | undefined): string =>
  typeof value === 'bigint' ? `0x${value.toString(16)}` : String(value)

const describe = ({ modulus }: Sigstruct): string =>
  `modulus 0x${modulus.toString(16).slice(0, 16)}...`

const refuse = (code: string, text: string): VerificationError =>
  new VerificationError(code, `SIGSTRUCT: ${text}`)

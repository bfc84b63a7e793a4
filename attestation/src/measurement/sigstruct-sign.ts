// Signs an enclave as gramine-sgx-sign does: the same manifest, key and date
// give the same bytes.

import { type KeyObject, sign } from 'node:crypto'
import { type Bytes, VortaError } from '@vorta/core'
import {
  encodeSigstruct,
  fromBigEndian,
  keyLength,
  quotientsOf,
  type SigstructBody,
  signedPart,
} from './sigstruct.ts'

/** Signs with an RSA key of 3072 bits and exponent 3. Throws SIGNING_KEY_INVALID. */
export function signSigstruct(body: SigstructBody, privateKey: KeyObject): Bytes {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey
  if (
    privateKey.type !== 'private' ||
    type !== 'rsa' ||
    details?.modulusLength !== 8 * keyLength ||
    details.publicExponent !== 3n
  ) {
    throw new VortaError(
      'SIGNING_KEY_INVALID',
      `signing key: expected RSA of 3072 bits with exponent 3, got ${type} of ${details?.modulusLength} bits with exponent ${details?.publicExponent}`,
      { hints: ['make one with `openssl genrsa -3 3072`'] },
    )
  }
  const modulus = fromBigEndian(Buffer.from(privateKey.export({ format: 'jwk' }).n!, 'base64url'))
  const unsigned = { ...body, modulus, exponent: 3, signature: 0n, q1: 0n, q2: 0n }
  const signature = fromBigEndian(sign('sha256', signedPart(encodeSigstruct(unsigned)), privateKey))
  return encodeSigstruct({ ...unsigned, signature, ...quotientsOf(signature, modulus) })
}

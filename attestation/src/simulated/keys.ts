// The keys of the simulated SGX PKI. All follow from one PUBLIC seed in this
// file, and that is on purpose: anybody can make simulated quotes, so nobody
// can take them for evidence. They exercise the verifier, not hardware.
// Node only, and never on the verify path.

import {
  createECDH,
  createHash,
  createPrivateKey,
  hkdfSync,
  type KeyObject,
  sign as nodeSign,
} from 'node:crypto'
import { type Bytes, own, type P256PublicKey, utf8 } from '@vorta/core'

const seed = utf8('vorta.org simulated SGX PKI: this seed is public and proves nothing')

// Order of the P-256 group (SP 800-186, section 3.2.1.3).
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

export type SimulatedKey = { readonly privateKey: KeyObject; readonly publicKey: P256PublicKey }

/** The P-256 key of a role, and of one platform where the role has a key per platform. */
export function simulatedKey(
  role: string,
  platformId: Uint8Array = new Uint8Array(),
): SimulatedKey {
  // 48 bytes reduced modulo the order leave no bias worth naming (FIPS 186-5, A.2.1).
  const wide = new Uint8Array(hkdfSync('sha256', seed, platformId, role, 48))
  const value = wide.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const scalar = (value % (order - 1n)) + 1n
  const secret = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex')
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(secret)
  const point = own(ecdh.getPublicKey())
  const publicKey = { x: point.slice(1, 33), y: point.slice(33, 65) }
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: text(secret),
    x: text(publicKey.x),
    y: text(publicKey.y),
  }
  return { privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), publicKey }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** r||s, as quotes and Intel's JSON documents carry signatures. */
export const signRaw = ({ privateKey }: SimulatedKey, data: Uint8Array): Bytes =>
  own(nodeSign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }))

/** ECDSA-Sig-Value, as certificates and CRLs carry signatures. */
export const signDer = ({ privateKey }: SimulatedKey, data: Uint8Array): Bytes =>
  own(nodeSign('sha256', data, privateKey))

export const sha256 = (data: Uint8Array): Bytes => own(createHash('sha256').update(data).digest())

// The key that signs results: ES256, the algorithm that EAR libraries expect.
// Made at the first start and kept in the data folder; its public part is
// published as a JWK set (RFC 7517).

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { openKeyFile } from '@vorta/core/server/key-file'
import { calculateJwkThumbprint, type JSONWebKeySet, type JWK } from 'jose'

export type SigningKey = {
  readonly privateKey: KeyObject
  /** RFC 7638 thumbprint. */
  readonly kid: string
  /** Public. */
  readonly jwk: JWK
  readonly jwks: JSONWebKeySet
}

/** Reads `attestation.key` in the data folder, or makes it. Throws CONFIG_INVALID. */
export async function openSigningKey(folder: string): Promise<SigningKey> {
  const privateKey = openKeyFile({
    path: join(folder, 'attestation.key'),
    what: 'attestation key',
    make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    check: isP256,
    hint: 'restore it from a backup: results signed before verify under no other key',
  })
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' }) as JWK & {
    readonly kty: string
  }
  const point = { kty, ...(crv && { crv }), ...(x && { x }), ...(y && { y }) }
  const kid = await calculateJwkThumbprint(point)
  const jwk = { ...point, alg: 'ES256', use: 'sig', kid }
  return { privateKey, kid, jwk, jwks: { keys: [jwk] } }
}

function isP256({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  const fits = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1'
  return fits ? undefined : 'a P-256 key'
}

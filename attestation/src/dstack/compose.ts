// The application of a dstack guest is one file, app-compose.json, and is named
// by the hash of its exact bytes. Where the host set MRCONFIGID, that has to name
// the same application: the processor measured it before the guest ran at all.

import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Bytes, type Crypto, concat, fromHex, parseJson, toHex } from '@vorta/core'
import { decode, object, oneOf, string } from '@vorta/core/decode'
import { refuse } from '../errors.ts'
import type { DstackClaims } from './claims.ts'

/** Compose hash of an app-compose.json, in hex: no byte of the file may differ, not even a space. */
export const composeHashOf = (crypto: Crypto, appCompose: Uint8Array): string =>
  toHex(crypto.sha256(appCompose))

/** The id an application has where its deployment chose none, in hex. */
export const defaultAppIdOf = (composeHash: string): string => composeHash.slice(0, 40)

/** MRCONFIGID of the first form, in hex: the compose hash itself. */
export const composeConfigId = (composeHash: string): string => configId(1, composeHash)

const configId = (form: number, hash: string): string => `0${form}${hash}`.padEnd(96, '0')

/**
 * MRCONFIGID, 48 bytes in hex. Its first byte is the form: 0 says nothing, 1 is
 * the compose hash, 2 a hash over the application and its key provider. 3 is the
 * hash of a document that no evidence carries.
 * Throws MR_CONFIG_MISMATCH or MR_CONFIG_UNSUPPORTED.
 */
export function checkConfigId(mrConfigId: string, claims: DstackClaims): void {
  const form = Number.parseInt(mrConfigId.slice(0, 2), 16)
  const expected = expectedConfigId(form, claims)
  if (expected === undefined) {
    throw refuse('MR_CONFIG_UNSUPPORTED', `MRCONFIGID: expected form 0, 1 or 2, got ${form}`)
  }
  if (mrConfigId !== expected) {
    throw refuse('MR_CONFIG_MISMATCH', `MRCONFIGID: expected ${expected}, got ${mrConfigId}`)
  }
}

function expectedConfigId(form: number, claims: DstackClaims): string | undefined {
  if (form === 0) return '0'.repeat(96)
  if (form === 1) return composeConfigId(claims.composeHash)
  if (form === 2) return configId(2, toHex(keccak_256(instanceInfo(claims))))
  return undefined
}

// The byte that stands for each kind of provider in the second form.
const kinds = { none: 0, 'local-sgx': 1, kms: 2, tpm: 3 } as const

const providerInfo = object({
  name: oneOf('none', 'local-sgx', 'kms', 'tpm'),
  id: string({ max: 2048, pattern: /^(?:[0-9a-f]{2})*$/, what: 'lower-case hex digits' }),
})

function instanceInfo({ composeHash, appId, keyProvider = '' }: DstackClaims): Bytes {
  const fault = (text: string) => refuse('MR_CONFIG_MISMATCH', `MRCONFIGID: key-provider: ${text}`)
  let json: unknown
  try {
    json = parseJson(keyProvider, { maxBytes: 4096, maxDepth: 1 })
  } catch (thrown) {
    throw fault((thrown as Error).message)
  }
  const { name, id } = decode(providerInfo, json, fault)
  const parts = [composeHash, appId, `0${kinds[name]}`, id]
  return concat(...parts.map((part) => fromHex(part) ?? new Uint8Array()))
}

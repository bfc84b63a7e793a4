// An EAR as a signed token: a JWS with ES256 (RFC 7515, RFC 7518), media type
// application/eat+jwt (RFC 9782). Verifying is strict and asks nobody: one
// algorithm, one type, a key that the caller already trusts, and JSON that has
// one reading only.

import { type Json, parseJson, utf8, VortaError } from '@vorta/core'
import { array, decode, openObject, optional, string } from '@vorta/core/decode'
import {
  type CompactJWSHeaderParameters,
  CompactSign,
  compactVerify,
  errors,
  type JWK,
  type KeyInput,
} from 'jose'
import { type EarClaims, type EarExpectations, readEar, requireExpected } from './ear-claims.ts'
import { type QuoteFault, refuse } from './errors.ts'

const algorithm = 'ES256'
const tokenType = 'eat+jwt'
export const earMediaType = 'application/eat+jwt'

// A token about evidence with every rule and claim has some 10 KB.
const maxToken = 256 * 1024

export type EarKey = {
  /** P-256. */
  readonly privateKey: KeyInput
  /** By which verifiers find the public key in the published set. */
  readonly kid: string
}

/** Signs the payload that `earOf` made. */
export const signEar = (payload: Json, { privateKey, kid }: EarKey): Promise<string> =>
  new CompactSign(utf8(JSON.stringify(payload)))
    .setProtectedHeader({ alg: algorithm, typ: tokenType, kid })
    .sign(privateKey)

/**
 * Verifies a token under a JWK set (RFC 7517) that the caller trusts, as of
 * `expect.now`, and that it is about what was asked. Throws VerificationError:
 * EAR_FORMAT, EAR_TYPE, EAR_KEY_UNKNOWN, EAR_SIGNATURE, EAR_PROFILE,
 * EAR_NOT_YET_VALID, EAR_EXPIRED, NONCE_MISMATCH, EAR_POLICY_MISMATCH,
 * EAR_EVIDENCE_MISMATCH. A refusal is an answer as well: look at `status`.
 */
export async function verifyEar(
  token: string,
  keySet: unknown,
  expect: EarExpectations,
): Promise<EarClaims> {
  if (token.length > maxToken) {
    throw refuse('EAR_FORMAT', `EAR: expected at most ${maxToken} characters, got ${token.length}`)
  }
  const payload = await openToken(token, keySet)
  const claims = readEar(asFormat(() => parseJson(payload, { maxBytes: maxToken })))
  requireExpected(claims, expect)
  return claims
}

async function openToken(token: string, keySet: unknown): Promise<Uint8Array> {
  const findKey = ({ typ, kid: named }: CompactJWSHeaderParameters): JWK => {
    if (typ !== tokenType) throw refuse('EAR_TYPE', `EAR: expected type ${tokenType}, got ${typ}`)
    const key = readKeys(keySet).find(({ kid }) => kid !== undefined && kid === named)
    if (!key) throw refuse('EAR_KEY_UNKNOWN', `EAR: no P-256 key ${named} is known here`)
    return key
  }
  try {
    return (await compactVerify(token, findKey, { algorithms: [algorithm] })).payload
  } catch (thrown) {
    throw asFault(thrown)
  }
}

/** What jose finds wrong, in our words. */
function asFault(thrown: unknown): VortaError {
  if (thrown instanceof VortaError) return thrown
  const [code, text]: readonly [QuoteFault, string] =
    thrown instanceof errors.JWSSignatureVerificationFailed
      ? ['EAR_SIGNATURE', 'not signed by the key that it names']
      : thrown instanceof errors.JOSEAlgNotAllowed
        ? ['EAR_TYPE', `not signed with ${algorithm}`]
        : ['EAR_FORMAT', 'not a compact JWS']
  return refuse(code, `EAR: ${text}`)
}

const keySetDecoder = openObject({
  keys: array(
    openObject({
      kty: string({ max: 16 }),
      kid: optional(string({ max: 256 })),
      crv: optional(string({ max: 16 })),
      use: optional(string({ max: 16 })),
      x: optional(string({ max: 64 })),
      y: optional(string({ max: 64 })),
    }),
    64,
  ),
})

/** The keys that may sign EARs; a set may hold others. */
const readKeys = (keySet: unknown): readonly JWK[] =>
  decode(keySetDecoder, keySet, (text) => refuse('EAR_FORMAT', `key set: ${text}`)).keys.filter(
    ({ kty, crv, use = 'sig' }) => kty === 'EC' && crv === 'P-256' && use === 'sig',
  ) as readonly JWK[]

function asFormat<T>(read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    throw refuse('EAR_FORMAT', `EAR: ${VortaError.from(thrown).message}`)
  }
}

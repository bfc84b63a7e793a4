// Plain HTTP beside the API: the key set for whoever verifies results, and
// results themselves, for the passport model of RFC 9334: an enclave's host
// fetches its result and hands it on.

import { earMediaType } from '@vorta/attestation/ear-jwt'
import { fail } from '@vorta/core'
import type { PlainRoute } from '@vorta/core/server/plain-routes'
import type { AppraisalService } from './service.ts'

export const jwksPath = '/.well-known/jwks.json'
export const resultPath = '/attestation/v1/appraisals/'

// A key set changes hardly ever; whoever meets an unknown key asks again.
const forFiveMinutes = 'public, max-age=300'

/** Public: a key set is for everybody. */
export const jwksRoute =
  ({ key }: AppraisalService): PlainRoute =>
  async ({ path }) =>
    path === jwksPath
      ? {
          status: 200,
          type: 'application/jwk-set+json',
          body: `${JSON.stringify(key.jwks)}\n`,
          cache: forFiveMinutes,
        }
      : undefined

/**
 * `GET /attestation/v1/appraisals/{id}`: the EAR as a JWT (`application/eat+jwt`), or its
 * claims alone for one who accepts `application/eat-ucs+json` (RFC 9782).
 */
export const resultRoute =
  (
    { store }: AppraisalService,
    permits: (authorization: string | undefined) => boolean,
  ): PlainRoute =>
  async ({ path, header }) => {
    if (!path.startsWith(resultPath)) return undefined
    if (!permits(header('authorization'))) {
      throw fail('UNAUTHENTICATED', 'expected a bearer token, got none that is known here')
    }
    const found = store.get(path.slice(resultPath.length))
    if (!found) throw fail('APPRAISAL_NOT_FOUND', 'there is no such result')
    const unsigned = header('accept')?.includes(unsignedType) ?? false
    return unsigned
      ? { status: 200, type: unsignedType, body: payloadOf(found.ear) }
      : { status: 200, type: earMediaType, body: found.ear }
  }

const unsignedType = 'application/eat-ucs+json'

/** The claims of a token of our own. */
const payloadOf = (ear: string): string =>
  Buffer.from(ear.split('.')[1] ?? '', 'base64url').toString()

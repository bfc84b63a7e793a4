// Who is who by bearer token. The administrator's and the workers' join token
// are kept in the data folder; workers get a session token once their enclave
// was admitted.

import { join } from 'node:path'
import {
  bearerOf,
  hashToken,
  newToken,
  openTokenFile,
  sameToken,
} from '@vorta/core/server/bearer-token'

export type Role = 'admin' | 'worker'

export type Tokens = {
  /** Role of an Authorization header, or undefined. */
  roleOf(authorization: string | null | undefined): Role | undefined
  isJoinToken(authorization: string | undefined): boolean
  /** A token for one worker's session; `revoke` ends it. */
  openSession(): { readonly token: string; revoke(): void }
}

export function openTokens(dataFolder: string): Tokens {
  const admin = openTokenFile(join(dataFolder, 'admin.token'), 'admin')
  const joinToken = openTokenFile(join(dataFolder, 'join.token'), 'join')
  const sessions = new Set<string>()

  return {
    roleOf: (authorization) => {
      const given = bearerOf(authorization)
      if (!given) return undefined
      if (sameToken(given, admin)) return 'admin'
      return sessions.has(given.toString('hex')) ? 'worker' : undefined
    },
    isJoinToken: (authorization) => {
      const given = bearerOf(authorization)
      return given !== undefined && sameToken(given, joinToken)
    },
    openSession: () => {
      const token = newToken('session')
      const key = hashToken(token).toString('hex')
      sessions.add(key)
      return { token, revoke: () => sessions.delete(key) }
    },
  }
}

// Bearer tokens. The administrator's and the workers' join token are made at
// the first start and kept in the data folder, readable by the owner only;
// workers get a session token once their enclave was admitted. Tokens are
// compared by their hashes, in constant time, and never logged.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '@vorta/core'

export type Role = 'admin' | 'worker'

// What an operator may put in place of a token that was made here.
const tokenPattern = /^[A-Za-z0-9_-]{32,256}$/

const hash = (token: string): Buffer => createHash('sha256').update(token).digest()

const newToken = (kind: string): string => `vorta_${kind}_${randomBytes(32).toString('base64url')}`

function loadOrMake(path: string, kind: string): string {
  const stored = read(path)
  if (stored !== undefined) {
    if (!tokenPattern.test(stored)) {
      throw fail('CONFIG_INVALID', `${path}: expected a token of 32 characters or more`, {
        hints: ['remove the file to have a new one made'],
      })
    }
    return stored
  }
  const token = newToken(kind)
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return token
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fail('CONFIG_INVALID', `${path}: cannot be read`, { cause })
  }
}

export type Tokens = {
  /** Role of an Authorization header, or undefined. */
  roleOf(authorization: string | null | undefined): Role | undefined
  isJoinToken(authorization: string | undefined): boolean
  /** A token for one worker's session; `revoke` ends it. */
  openSession(): { readonly token: string; revoke(): void }
}

export function openTokens(dataFolder: string): Tokens {
  const admin = hash(loadOrMake(join(dataFolder, 'admin.token'), 'admin'))
  const joinToken = hash(loadOrMake(join(dataFolder, 'join.token'), 'join'))
  const sessions = new Set<string>()

  const bearer = (authorization: string | null | undefined): Buffer | undefined => {
    const found = /^Bearer ([A-Za-z0-9_-]{1,256})$/i.exec(authorization ?? '')
    return found ? hash(found[1] as string) : undefined
  }

  return {
    roleOf: (authorization) => {
      const given = bearer(authorization)
      if (!given) return undefined
      if (timingSafeEqual(given, admin)) return 'admin'
      return sessions.has(given.toString('hex')) ? 'worker' : undefined
    },
    isJoinToken: (authorization) => {
      const given = bearer(authorization)
      return given !== undefined && timingSafeEqual(given, joinToken)
    },
    openSession: () => {
      const token = newToken('session')
      const key = hash(token).toString('hex')
      sessions.add(key)
      return { token, revoke: () => sessions.delete(key) }
    },
  }
}

// Bearer tokens in files. One is made at the first start, readable by its owner
// only, or put there by an operator. Tokens are known by their hashes, compared
// in constant time, and never logged.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fail } from '../errors.ts'

// What an operator may put in place of a token that was made here.
const tokenPattern = /^[A-Za-z0-9_-]{32,256}$/

/** SHA-256 of a token: what is kept of it. */
export type TokenHash = Buffer

export const hashToken = (token: string): TokenHash => createHash('sha256').update(token).digest()

export const newToken = (kind: string): string =>
  `vorta_${kind}_${randomBytes(32).toString('base64url')}`

/** Reads a token file, or makes it. Throws CONFIG_INVALID. */
export function openTokenFile(path: string, kind: string): TokenHash {
  const stored = readToken(path)
  if (stored !== undefined) return hashToken(stored)
  const token = newToken(kind)
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return hashToken(token)
}

/** The token in a file; undefined where there is no file. Throws CONFIG_INVALID. */
export function readToken(path: string): string | undefined {
  let token: string
  try {
    token = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fail('CONFIG_INVALID', `${path}: cannot be read`, { cause })
  }
  if (tokenPattern.test(token)) return token
  throw fail('CONFIG_INVALID', `${path}: expected a token of 32 characters or more`, {
    hints: ['remove the file to have a new one made'],
  })
}

/** The token of an Authorization header; undefined where there is none. */
export function bearerOf(authorization: string | null | undefined): TokenHash | undefined {
  const found = /^Bearer ([A-Za-z0-9_-]{1,256})$/i.exec(authorization ?? '')
  return found ? hashToken(found[1] as string) : undefined
}

export const sameToken = (given: TokenHash, known: TokenHash): boolean =>
  timingSafeEqual(given, known)

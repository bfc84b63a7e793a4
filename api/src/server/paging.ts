// Page tokens (AIP-158): opaque, bound to the list and filter they came from, and
// authenticated, so that nobody can hand the store a cursor of their own.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { fail } from '@vorta/core'

const defaultSize = 50
const largestSize = 1000
const macLength = 16

/** Page size asked for: 0 means the default, more than the largest means the largest. */
export function pageSize(asked: number): number {
  if (asked < 0) {
    throw fail('INVALID_ARGUMENT', `page_size: expected 0 or more, got ${asked}`, {
      meta: { field: 'page_size' },
    })
  }
  return asked === 0 ? defaultSize : Math.min(asked, largestSize)
}

export type PageTokens = {
  /** The token for a cursor; empty for none. */
  seal(list: string, cursor: string | undefined): string
  /** The cursor in a token; undefined for the empty token. Throws PAGE_TOKEN_INVALID. */
  open(list: string, token: string): string | undefined
}

/** Tokens end with the process: a list that is paged across a restart begins anew. */
export function createPageTokens(key: Uint8Array = randomBytes(32)): PageTokens {
  const mac = (list: string, cursor: string) =>
    createHmac('sha256', key)
      .update(`${list.length}:${list}${cursor}`)
      .digest()
      .subarray(0, macLength)
  return {
    seal: (list, cursor) =>
      cursor === undefined
        ? ''
        : Buffer.concat([mac(list, cursor), Buffer.from(cursor)]).toString('base64url'),
    open: (list, token) => {
      if (token === '') return undefined
      const bytes = Buffer.from(token, 'base64url')
      const cursor = bytes.subarray(macLength).toString()
      if (
        bytes.length <= macLength ||
        !timingSafeEqual(bytes.subarray(0, macLength), mac(list, cursor))
      ) {
        throw fail('PAGE_TOKEN_INVALID', 'page_token: was not issued for this list and filter', {
          meta: { field: 'page_token' },
          hints: ['begin the list anew with an empty page_token'],
        })
      }
      return cursor
    },
  }
}

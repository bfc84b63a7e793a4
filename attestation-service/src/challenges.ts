// Challenges: nonces that evidence has to answer. Each is good once and for a
// short time. They are kept in memory only: one from before a restart is refused
// as unknown, and whoever asked for it asks again.

import { type Clock, fail, type Random, toHex } from '@vorta/core'

export type Challenge = { readonly nonce: Uint8Array; readonly expiresAt: number }

export type Challenges = {
  /** Throws OVERLOADED while as many as there may be are out. */
  issue(): Challenge
  /**
   * Uses up a nonce, given in hex. Throws CHALLENGE_UNKNOWN, CHALLENGE_USED or
   * CHALLENGE_EXPIRED.
   */
  take(nonce: string): void
  /** How many are out: issued, and neither used nor expired. */
  outstanding(): number
}

export type ChallengeOptions = {
  readonly ttlMs: number
  /** Bounds what callers can make the service remember. */
  readonly most: number
}

const nonceBytes = 32

// A nonce is remembered this many times as long as it lives: to say of a late or
// repeated one what is wrong with it.
const memory = 2

type Entry = { readonly expiresAt: number; used: boolean }

export function createChallenges(
  { ttlMs, most }: ChallengeOptions,
  clock: Clock,
  random: Random,
): Challenges {
  // In the order of issue, which is the order of expiry.
  const known = new Map<string, Entry>()

  /** Forgets what is too old to be told apart from a nonce that never was. */
  function sweep(now: number): void {
    for (const [nonce, { expiresAt }] of known) {
      if (now < expiresAt + (memory - 1) * ttlMs) break
      known.delete(nonce)
    }
  }

  return {
    issue: () => {
      const now = clock.now()
      sweep(now)
      if (known.size >= most) {
        throw fail('OVERLOADED', `challenges: ${most} are out or were so a short time ago`, {
          meta: { retry: true },
          hints: ['try again later, or raise challenges.most'],
        })
      }
      const nonce = random(nonceBytes)
      const expiresAt = now + ttlMs
      known.set(toHex(nonce), { expiresAt, used: false })
      return { nonce, expiresAt }
    },

    take: (nonce) => {
      const now = clock.now()
      sweep(now)
      const entry = known.get(nonce)
      if (!entry) throw refuse('CHALLENGE_UNKNOWN', 'was not issued by this process')
      if (entry.used) throw refuse('CHALLENGE_USED', 'has been used')
      if (now >= entry.expiresAt) throw refuse('CHALLENGE_EXPIRED', 'has expired')
      entry.used = true
    },

    outstanding: () => {
      const now = clock.now()
      let count = 0
      for (const { used, expiresAt } of known.values()) if (!used && now < expiresAt) count++
      return count
    },
  }
}

const refuse = (code: 'CHALLENGE_UNKNOWN' | 'CHALLENGE_USED' | 'CHALLENGE_EXPIRED', why: string) =>
  fail(code, `nonce: ${why}`, {
    meta: { field: 'nonce' },
    hints: ['ask for a new challenge, and let the enclave answer that'],
  })

/** A nonce from a field of a request, in hex; undefined for none. Throws INVALID_ARGUMENT. */
export function readNonce(field: string, bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined
  if (bytes.length === nonceBytes) return toHex(bytes)
  throw fail('INVALID_ARGUMENT', `${field}: expected ${nonceBytes} bytes, got ${bytes.length}`, {
    meta: { field },
  })
}

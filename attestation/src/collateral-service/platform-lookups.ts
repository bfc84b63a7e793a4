// Lookups of platforms whose quotes only name them. Nothing about such a quote
// can be proven before an endpoint was asked, so anybody can make us ask: answers
// and failures are kept, and only so many new ones are asked for in a minute.

import { type Clock, fail } from '@vorta/core'
import { Lru } from '../lru.ts'
import type { Failover } from './failover.ts'
import type { PcsClient } from './pcs-client.ts'
import { isWithin, type Span } from './span.ts'

/** `name` stands for everything that the answer depends on. Throws what `find` throws. */
export type Lookup<T> = (name: string, find: (client: PcsClient) => Promise<T>) => Promise<T>

// Some 4 KiB each.
const maxKept = 1024
// A platform's certificate changes with its TCB.
const keptMs = 12 * 3_600_000
const failureKeptMs = 30_000
/** A cluster that starts has a few new platforms a second. */
const maxPerMinute = 120

type Kept<T> = { readonly answer: Promise<T>; span: Span }

export function createLookup<T>(failover: Failover, clock: Clock): Lookup<T> {
  const kept = new Lru<Kept<T>>(maxKept)
  let minute: Span | undefined
  let asked = 0

  function count(now: number): void {
    if (!isWithin(minute, now)) {
      minute = { from: now, until: now + 60_000 }
      asked = 0
    }
    if (asked >= maxPerMinute) {
      throw fail('COLLATERAL_UNAVAILABLE', 'too many unknown platforms were asked for', {
        meta: { retryAfterMs: 60_000 },
      })
    }
    asked++
  }

  return async (name, find) => {
    const now = clock.now()
    const known = kept.get(name)
    if (known && isWithin(known.span, now)) return known.answer
    count(now)
    const entry = { answer: failover.ask(find), span: { from: now, until: now + keptMs } }
    kept.set(name, entry)
    entry.answer.catch(() => {
      const failed = clock.now()
      entry.span = { from: failed, until: failed + failureKeptMs }
    })
    return entry.answer
  }
}

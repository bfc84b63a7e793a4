// Committed events on their way to watchers. A watcher that cannot keep up is
// let go instead of filling memory; it resumes from its token.

import { fail } from '@vorta/core'
import type { EventRecord } from '../records.ts'

// About a second of a busy cluster; after that a watcher re-reads from the store.
const maxBacklog = 20_000

export type Subscription = AsyncIterable<readonly EventRecord[]> & { close(): void }

export class EventBus {
  private readonly listeners = new Set<(events: readonly EventRecord[]) => void>()

  publish(events: readonly EventRecord[]): void {
    if (events.length === 0) return
    for (const listener of this.listeners) listener(events)
  }

  /** Batches of events, and an empty batch every `heartbeatMs` in which none came. */
  subscribe(wanted: (event: EventRecord) => boolean, heartbeatMs: number): Subscription {
    let backlog: EventRecord[] = []
    let open = true
    let overflowed = false
    let wake: (() => void) | undefined
    const listener = (events: readonly EventRecord[]) => {
      for (const event of events) if (wanted(event)) backlog.push(event)
      if (backlog.length > maxBacklog) {
        overflowed = true
        backlog = []
      }
      if (backlog.length > 0 || overflowed) wake?.()
    }
    this.listeners.add(listener)
    const close = () => {
      open = false
      this.listeners.delete(listener)
      wake?.()
    }
    async function* batches(): AsyncGenerator<readonly EventRecord[]> {
      try {
        while (open) {
          if (overflowed)
            throw fail('COMPACTED', 'the watcher fell too far behind', { hints: ['watch again'] })
          if (backlog.length === 0) {
            await new Promise<void>((resolve) => {
              const timer = setTimeout(resolve, heartbeatMs)
              wake = () => {
                clearTimeout(timer)
                resolve()
              }
            })
            wake = undefined
            if (!open || overflowed) continue
          }
          const batch = backlog
          backlog = []
          yield batch
        }
      } finally {
        close()
      }
    }
    return { [Symbol.asyncIterator]: batches, close }
  }
}

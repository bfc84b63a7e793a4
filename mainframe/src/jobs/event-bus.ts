// Committed events on their way to watchers. A watcher that cannot keep up is
// let go instead of filling memory; it resumes from its token.

import { fail, type VortaError } from '@vorta/core'
import type { EventRecord } from '../records.ts'

// About a second of a busy cluster; after that a watcher re-reads from the store.
const maxBacklog = 20_000

export type Subscription = AsyncIterable<readonly EventRecord[]> & { close(): void }

type Listener = {
  readonly push: (events: readonly EventRecord[]) => void
  readonly end: (why: VortaError) => void
}

export class EventBus {
  private readonly listeners = new Set<Listener>()
  private stopping: VortaError | undefined

  publish(events: readonly EventRecord[]): void {
    if (events.length === 0) return
    for (const listener of this.listeners) listener.push(events)
  }

  /** Ends every subscription, and each that is made later, with UNAVAILABLE: clients watch again. */
  close(): void {
    this.stopping = fail('UNAVAILABLE', 'the mainframe is stopping')
    for (const listener of this.listeners) listener.end(this.stopping)
  }

  /**
   * Batches of events, and an empty batch every `heartbeatMs` in which none came.
   * Throws COMPACTED to a reader that fell too far behind. To be read once.
   */
  subscribe(wanted: (event: EventRecord) => boolean, heartbeatMs: number): Subscription {
    let backlog: EventRecord[] = []
    let open = true
    let failure = this.stopping
    let wake = () => {}
    const end = (why: VortaError) => {
      failure ??= why
      backlog = []
      this.listeners.delete(listener)
      wake()
    }
    const push = (events: readonly EventRecord[]) => {
      for (const event of events) if (wanted(event)) backlog.push(event)
      if (backlog.length > maxBacklog) {
        end(fail('COMPACTED', 'the watcher fell too far behind', { hints: ['watch again'] }))
      } else if (backlog.length > 0) wake()
    }
    const listener: Listener = { push, end }
    this.listeners.add(listener)
    const close = () => {
      open = false
      this.listeners.delete(listener)
      wake()
    }
    const news = () =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, heartbeatMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })

    async function* batches(): AsyncGenerator<readonly EventRecord[]> {
      try {
        while (open) {
          if (failure) throw failure
          if (backlog.length === 0) await news()
          if (!open || failure) continue
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

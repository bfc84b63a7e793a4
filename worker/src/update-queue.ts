// Collects what happens and hands it out in groups: everything that comes in
// one turn of the event loop leaves in one message.

import { setImmediate } from 'node:timers/promises'

export type UpdateQueue<T> = {
  readonly push: (update: T) => void
  /** No more will come; what is queued is still handed out. */
  readonly close: () => void
  /** Groups, never empty, until closed. To be read once. */
  readonly groups: () => AsyncGenerator<T[], void>
}

export function createUpdateQueue<T>(): UpdateQueue<T> {
  let updates: T[] = []
  let closed = false
  let wake = () => {}
  return {
    push: (update) => {
      updates.push(update)
      wake()
    },
    close: () => {
      closed = true
      wake()
    },
    async *groups() {
      for (;;) {
        if (updates.length > 0) {
          await setImmediate()
          const group = updates
          updates = []
          yield group
        } else if (closed) {
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}

// Deadlines of many jobs behind one timer: expiry, stop, back-off. A deadline
// that no longer applies is not removed; the owner looks at the job when told.

import type { Clock } from '@vorta/core'
import { Heap } from './heap.ts'

// setTimeout counts in 32 bits; later deadlines are simply looked at again.
const longestDelayMs = 2 ** 31 - 1

type Deadline = { readonly at: number; readonly uid: string }

export class Timers {
  private readonly deadlines = new Heap<Deadline>((a, b) => a.at < b.at)
  private timer: NodeJS.Timeout | undefined
  private stopped = false
  private readonly clock: Clock
  private readonly due: (uids: readonly string[]) => void

  constructor(clock: Clock, due: (uids: readonly string[]) => void) {
    this.clock = clock
    this.due = due
  }

  set(uid: string, at: number): void {
    if (this.stopped) return
    const deadline = { at, uid }
    this.deadlines.push(deadline)
    if (this.deadlines.peek() === deadline) this.arm()
  }

  /** Nothing falls due any more, not even what is set later. */
  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.deadlines.clear()
  }

  private arm(): void {
    clearTimeout(this.timer)
    const next = this.deadlines.peek()
    if (!next) return
    const delay = Math.min(Math.max(0, next.at - this.clock.now()), longestDelayMs)
    this.timer = setTimeout(() => this.fire(), delay)
    this.timer.unref()
  }

  private fire(): void {
    const now = this.clock.now()
    const uids: string[] = []
    for (let next = this.deadlines.peek(); next && next.at <= now; next = this.deadlines.peek()) {
      uids.push(next.uid)
      this.deadlines.pop()
    }
    if (uids.length > 0) this.due(uids)
    this.arm()
  }
}

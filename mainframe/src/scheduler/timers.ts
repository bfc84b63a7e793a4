// Deadlines of many jobs behind one timer: expiry, stop, back-off. A deadline
// that no longer applies is not removed; the owner looks at the job when told.

import type { Clock } from '@vorta/core'

// setTimeout counts in 32 bits; later deadlines are simply looked at again.
const longestDelayMs = 2 ** 31 - 1

export class Timers {
  private readonly deadlines: { at: number; uid: string }[] = []
  private timer: NodeJS.Timeout | undefined
  private readonly clock: Clock
  private readonly due: (uids: readonly string[]) => void

  constructor(clock: Clock, due: (uids: readonly string[]) => void) {
    this.clock = clock
    this.due = due
  }

  set(uid: string, at: number): void {
    let low = 0
    let high = this.deadlines.length
    // Kept sorted with the soonest last: deadlines mostly come in rising order of time,
    // so insertion is near the front and cheap enough for the tens of thousands a node holds.
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.deadlines[middle] as { at: number }).at > at) low = middle + 1
      else high = middle
    }
    this.deadlines.splice(low, 0, { at, uid })
    this.arm()
  }

  stop(): void {
    clearTimeout(this.timer)
    this.deadlines.length = 0
  }

  private arm(): void {
    clearTimeout(this.timer)
    const next = this.deadlines.at(-1)
    if (!next) return
    const delay = Math.min(Math.max(0, next.at - this.clock.now()), longestDelayMs)
    this.timer = setTimeout(() => this.fire(), delay)
    this.timer.unref()
  }

  private fire(): void {
    const now = this.clock.now()
    const uids: string[] = []
    while (this.deadlines.length > 0 && (this.deadlines.at(-1) as { at: number }).at <= now) {
      uids.push((this.deadlines.pop() as { uid: string }).uid)
    }
    if (uids.length > 0) this.due(uids)
    this.arm()
  }
}

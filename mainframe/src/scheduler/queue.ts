// The jobs that wait for a worker: by priority, then by age. Jobs that were
// cancelled meanwhile are dropped by whoever takes them out.

import { Heap } from './heap.ts'

export type Queued = { readonly uid: string; readonly priority: number }

/** Uids are time-ordered, so comparing them compares ages. */
const before = (a: Queued, b: Queued): boolean =>
  a.priority !== b.priority ? a.priority > b.priority : a.uid < b.uid

export class JobQueue {
  private readonly heap = new Heap(before)
  private readonly members = new Set<string>()

  get size(): number {
    return this.heap.size
  }

  /** A job that is in line already keeps its place. */
  push(job: Queued): void {
    if (this.members.has(job.uid)) return
    this.members.add(job.uid)
    this.heap.push(job)
  }

  /** Whether its first job is more urgent than the other queue's. Neither may be empty. */
  isBefore(other: JobQueue): boolean {
    return before(this.heap.peek() as Queued, other.heap.peek() as Queued)
  }

  pop(): Queued | undefined {
    const first = this.heap.pop()
    if (first) this.members.delete(first.uid)
    return first
  }
}

// The jobs that wait for a worker: by priority, then by age. A binary heap;
// jobs that were cancelled meanwhile are dropped by whoever takes them out.

export type Queued = { readonly uid: string; readonly priority: number }

/** Uids are time-ordered, so comparing them compares ages. */
const before = (a: Queued, b: Queued): boolean =>
  a.priority !== b.priority ? a.priority > b.priority : a.uid < b.uid

export class JobQueue {
  private readonly heap: Queued[] = []
  private readonly members = new Set<string>()

  get size(): number {
    return this.heap.length
  }

  push(job: Queued): void {
    if (this.members.has(job.uid)) return
    this.members.add(job.uid)
    this.heap.push(job)
    let at = this.heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(this.heap[at] as Queued, this.heap[parent] as Queued)) break
      this.swap(at, parent)
      at = parent
    }
  }

  /** Whether its first job is more urgent than the other queue's. Neither may be empty. */
  isBefore(other: JobQueue): boolean {
    return before(this.heap[0] as Queued, other.heap[0] as Queued)
  }

  pop(): Queued | undefined {
    const first = this.heap[0]
    const last = this.heap.pop()
    if (!first || !last) return undefined
    if (this.heap.length > 0) {
      this.heap[0] = last
      this.sink()
    }
    this.members.delete(first.uid)
    return first
  }

  private sink(): void {
    for (let at = 0; ; ) {
      let best = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (
          child < this.heap.length &&
          before(this.heap[child] as Queued, this.heap[best] as Queued)
        )
          best = child
      }
      if (best === at) return
      this.swap(at, best)
      at = best
    }
  }

  private swap(a: number, b: number): void {
    const kept = this.heap[a] as Queued
    this.heap[a] = this.heap[b] as Queued
    this.heap[b] = kept
  }
}

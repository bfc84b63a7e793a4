// A binary heap: the first of its items by an order that its owner gives.

export class Heap<T> {
  private readonly items: T[] = []
  private readonly before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.before = before
  }

  get size(): number {
    return this.items.length
  }

  peek(): T | undefined {
    return this.items[0]
  }

  push(item: T): void {
    let at = this.items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.isBefore(at, parent)) break
      this.swap(at, parent)
      at = parent
    }
  }

  pop(): T | undefined {
    const first = this.items[0]
    const last = this.items.pop()
    if (this.items.length > 0) {
      this.items[0] = last as T
      this.sink()
    }
    return first
  }

  clear(): void {
    this.items.length = 0
  }

  private sink(): void {
    for (let at = 0; ; ) {
      let best = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.items.length && this.isBefore(child, best)) best = child
      }
      if (best === at) return
      this.swap(at, best)
      at = best
    }
  }

  private isBefore(a: number, b: number): boolean {
    return this.before(this.items[a] as T, this.items[b] as T)
  }

  private swap(a: number, b: number): void {
    const kept = this.items[a] as T
    this.items[a] = this.items[b] as T
    this.items[b] = kept
  }
}

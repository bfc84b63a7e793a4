// A bounded cache: what was not asked for longest goes first.

export class Lru<Value> {
  readonly #values = new Map<string, Value>()
  readonly #capacity: number
  readonly #weigh: (value: Value) => number
  #weight = 0

  /** `capacity` and `weigh` share a unit, bytes for instance. */
  constructor(capacity: number, weigh: (value: Value) => number) {
    this.#capacity = capacity
    this.#weigh = weigh
  }

  get(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    // A Map keeps the order of insertion: the newest use goes to its end.
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    this.delete(key)
    this.#values.set(key, value)
    this.#weight += this.#weigh(value)
    for (const oldest of this.#values.keys()) {
      if (this.#weight <= this.#capacity) return
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const value = this.#values.get(key)
    if (value === undefined) return
    this.#values.delete(key)
    this.#weight -= this.#weigh(value)
  }
}

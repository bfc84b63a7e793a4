// One at a time under each key, in the order of asking; different keys do not
// wait for each other.

export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  /** Whether somebody works under this key now. */
  held(key: string): boolean {
    return this.#tails.has(key)
  }

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(work)
    const release = () => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
    // The next in line waits for the end of this one, whichever way it ends.
    const tail: Promise<void> = result.then(release, release)
    this.#tails.set(key, tail)
    return result
  }
}

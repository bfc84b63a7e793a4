// Random choices that can be made again: the seed is printed, and VORTA_SEED
// repeats it.

export type Choices = {
  readonly seed: number
  /** A whole number from `min` to `max`, both included. */
  readonly between: (min: number, max: number) => number
  readonly pick: <T>(from: readonly T[]) => T
  readonly shuffle: <T>(list: readonly T[]) => T[]
}

export function seededChoices(): Choices {
  const seed = Number(process.env.VORTA_SEED || Math.floor(Math.random() * 2 ** 32)) >>> 0
  let state = seed
  // Mulberry32: small, and good enough to choose victims.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  const pick = <T>(from: readonly T[]): T => from[between(0, from.length - 1)] as T
  const shuffle = <T>(list: readonly T[]): T[] =>
    list
      .map((item) => ({ item, rank: next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item)
  return { seed, between, pick, shuffle }
}

// Pauses between attempts at something that failed: each twice as long as the
// one before, up to a limit, and shortened at random so that many workers that
// lost the same mainframe do not come back in one instant.

export type RetryRange = { readonly minMs: number; readonly maxMs: number }

export type Backoff = {
  /** The next pause in milliseconds. */
  readonly next: () => number
  /** It worked: begin with short pauses again. */
  readonly reset: () => void
  /** It will not work soon: go to the longest pause at once. */
  readonly slow: () => void
}

/** `random` gives numbers from 0 to 1; a pause is between half of its nominal length and all of it. */
export function createBackoff({ minMs, maxMs }: RetryRange, random: () => number): Backoff {
  let nominal = minMs
  return {
    next: () => {
      const pause = nominal * (0.5 + random() / 2)
      nominal = Math.min(maxMs, nominal * 2)
      return pause
    },
    reset: () => {
      nominal = minMs
    },
    slow: () => {
      nominal = maxMs
    },
  }
}

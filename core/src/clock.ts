// Time is an input. Whatever decides something by time takes a Clock, so that
// tests can move it and a verifier can be asked about any moment.

export type Clock = {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

export const systemClock: Clock = { now: () => Date.now() }

/** A clock that stands still until it is told to move. */
export function fakeClock(start = Date.UTC(2026, 0, 1)): Clock & { advance(ms: number): void } {
  let now = start
  return {
    now: () => now,
    advance: (ms) => {
      now += ms
    },
  }
}

/** RFC 3339 in UTC with whole seconds, as Intel's collateral and our statements spell times. */
export const toRfc3339 = (ms: number): string => `${new Date(ms).toISOString().slice(0, -5)}Z`

/** Parses `YYYY-MM-DDTHH:MM:SSZ` and nothing else, to milliseconds; undefined where it is no real time. */
export function fromRfc3339(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return undefined
  const ms = Date.parse(text)
  // What is too large is carried over: the 30th of February would be in March.
  return new Date(ms).getUTCDate() === Number(text.slice(8, 10)) ? ms : undefined
}

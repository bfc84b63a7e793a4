// A while that begins with a moment of the clock. A clock that was set back is
// before its begin, and so outside: no wait outlives a correction of the time.

export type Span = { readonly from: number; readonly until: number }

/** In milliseconds, `from` included. */
export const isWithin = (span: Span | undefined, now: number): boolean =>
  span !== undefined && now >= span.from && now < span.until

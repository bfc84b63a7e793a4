// Fields that Intel's signed JSON documents have in common.

import { array, type Decoder, integer, rfc3339, string } from '@vorta/core/decode'

/** Hex of exactly so many digits, in either case, as lower case. Servers differ in the case they send. */
export function hexDigits(digits: number): Decoder<string> {
  const text = string({
    pattern: new RegExp(`^[0-9a-fA-F]{${digits}}$`),
    what: `${digits} hex digits`,
  })
  return (value) => text(value).toLowerCase()
}

export const advisories = array(string({ min: 1, max: 64 }), 256)

/** Has to be there: a missing number must not count as the lowest one. */
export const evaluationNumber = integer(0, 1_000_000)

/** In milliseconds; Intel's one spelling only. */
export const time: Decoder<number> = (value) => Date.parse(rfc3339(value))

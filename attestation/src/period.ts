// The one place where times are compared. Written so that a time that is not a
// number is outside every period.

import { toRfc3339 } from '@vorta/core'
import { refuse } from './errors.ts'

/** Refuses with `<kind>_NOT_YET_VALID` or `<kind>_EXPIRED`; both ends count as inside. */
export function requireInForce(
  kind: 'CERT' | 'CRL' | 'TCB' | 'QEID' | 'EVALNUM',
  what: string,
  from: number,
  until: number,
  now: number,
): void {
  if (!(now >= from)) {
    throw refuse(`${kind}_NOT_YET_VALID`, `${what}: used before ${toRfc3339(from)}`)
  }
  if (!(now <= until)) {
    throw refuse(`${kind}_EXPIRED`, `${what}: used after ${toRfc3339(until)}`)
  }
}

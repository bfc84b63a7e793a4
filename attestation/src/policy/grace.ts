// Grace: for how long a status that is no longer accepted still passes, so that
// a patch can be rolled out before work stops. Intel's collateral does not say
// when it was first served; it does say, signed, what date each TCB level has.
// So a period counts from the date of the oldest level that the platform lacks:
// fixed by the evidence, the same for everybody, and not put off by newer levels.

import type { TcbVerdict } from '../verified-quote.ts'
import { timeOf } from './decoder.ts'
import type { Grace } from './policy.ts'

/**
 * The moment, in milliseconds, from which a status is no longer accepted by
 * grace; undefined where grace does not cover it, or where a period counts from
 * a level that nothing is known of.
 */
export function graceDeadline(
  grace: Grace | undefined,
  { status, requiredSince }: Pick<TcbVerdict, 'status' | 'requiredSince'>,
): number | undefined {
  if (!grace || status === 'Revoked' || !grace.statuses.includes(status)) return undefined
  if (grace.until !== undefined) return timeOf(grace.until)
  if (requiredSince === undefined || grace.period === undefined) return undefined
  return requiredSince + grace.period
}

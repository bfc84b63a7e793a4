// A batch for a system without batch arithmetic: one request after the other,
// with the event loop let in between, since each takes milliseconds of CPU.

import { setImmediate } from 'node:timers/promises'
import type { VerificationError } from '@vorta/core'
import type { Outcome, ProofRequest, ProofVerdict } from './types.ts'

/** One outcome per request, in order. `verify` rejects with VerificationError alone, as ProofSystem asks. */
export async function oneByOne(
  requests: readonly ProofRequest[],
  verify: (request: ProofRequest) => Promise<ProofVerdict>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const request of requests) {
    if (outcomes.length > 0) await setImmediate()
    outcomes.push(await verify(request).catch((refusal: VerificationError) => refusal))
  }
  return outcomes
}

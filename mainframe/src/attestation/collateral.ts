// Where the collateral for a kind of evidence comes from. Simulated evidence is
// judged by the collateral of the simulated PKI, renewed well before it runs
// out; hardware needs Intel's, which this mainframe has no service for yet.

import type { Collateral } from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { type Clock, fail } from '@vorta/core'

export type CollateralSource = (tee: string) => Promise<Collateral>

// Simulated collateral is valid for 30 days; a day-old one is fresh enough for
// every policy and saves making four signatures per appraisal.
const renewAfterMs = 24 * 3_600_000

export function createCollateralSource(clock: Clock): CollateralSource {
  let simulated: { readonly collateral: Collateral; readonly madeAt: number } | undefined
  return async (tee) => {
    if (tee !== 'simulated') {
      throw fail(
        'COLLATERAL_UNAVAILABLE',
        `no collateral for ${tee} evidence: no collateral service is configured`,
      )
    }
    if (!simulated || clock.now() - simulated.madeAt > renewAfterMs) {
      simulated = { collateral: simulatedCollateral(clock.now()), madeAt: clock.now() }
    }
    return simulated.collateral
  }
}

// Puts the service together over a data folder: for a process of its own, and
// for the mainframe that has it inside.

import type { AttestationPolicy } from '@vorta/attestation'
import type { CollateralSource } from '@vorta/attestation/collateral-service/sources'
import type { Clock, Crypto, Random } from '@vorta/core'
import type { Registry } from 'prom-client'
import { createAppraiser } from './appraiser.ts'
import { createChallenges } from './challenges.ts'
import type { AppraisalSettings } from './config.ts'
import { createServiceMetrics } from './metrics.ts'
import { createPolicies } from './policies.ts'
import { type AppraisalService, createAppraisalService } from './service.ts'
import { openSigningKey } from './signing-key.ts'
import { openAppraisalStore } from './store/appraisal-store.ts'
import { version } from './version.ts'

export type OpenDeps = {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly registry: Registry
  readonly collateral: CollateralSource
}

/** Throws CONFIG_INVALID. Whoever opens it closes its store. */
export async function openAppraisalService(
  dataFolder: string,
  policies: Readonly<Record<string, AttestationPolicy>>,
  settings: AppraisalSettings,
  deps: OpenDeps,
): Promise<AppraisalService> {
  const { crypto, clock, random, registry, collateral } = deps
  const { challenges, results, limits } = settings
  const metrics = createServiceMetrics(registry)
  const counted: CollateralSource = async (quote) => {
    try {
      const found = await collateral(quote)
      metrics.collateral.inc({ outcome: 'found' })
      return found
    } catch (thrown) {
      metrics.collateral.inc({ outcome: 'missing' })
      throw thrown
    }
  }
  return createAppraisalService(
    {
      verifierId: { developer: 'https://vorta.org', build: `vorta-attestation ${version}` },
      resultTtlMs: results.validFor,
      mostUnderWay: limits.underWay,
    },
    {
      appraiser: createAppraiser({ crypto, clock, collateral: counted }),
      policies: createPolicies(crypto, policies),
      challenges: createChallenges({ ttlMs: challenges.ttl, most: challenges.most }, clock, random),
      key: await openSigningKey(dataFolder),
      store: openAppraisalStore(dataFolder, results.keep),
      metrics,
      clock,
      random,
    },
  )
}

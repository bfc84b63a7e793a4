// The collateral sources of the mainframe: as attestation/collateral-service has
// them, with what they report in the log and the metrics.

import { join } from 'node:path'
import type { CollateralEvent } from '@vorta/attestation/collateral-service/collateral-service'
import { keyText } from '@vorta/attestation/collateral-service/fetch-collateral'
import {
  type CollateralConfig,
  type CollateralSources,
  openCollateralSources,
} from '@vorta/attestation/collateral-service/sources'
import { type Clock, systemRandom, toRfc3339 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { Logger } from '@vorta/core/log'
import type { Metrics } from '../metrics.ts'

export type CollateralDeps = {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

export type MainframeCollateral = CollateralSources & {
  /** Called when there is other collateral than before. */
  onAdopted: () => void
}

/** Throws CONFIG_INVALID. */
export async function openCollateral(
  config: CollateralConfig,
  dataFolder: string,
  { clock, log, metrics }: CollateralDeps,
): Promise<MainframeCollateral> {
  let opened: MainframeCollateral | undefined
  const onEvent = (event: CollateralEvent): void => {
    switch (event.kind) {
      case 'asked': {
        const { endpoint, code, reason } = event
        metrics.collateralFetches.inc({ endpoint, code })
        if (code !== 'OK') log.warn({ endpoint, code, reason }, 'collateral endpoint failed')
        break
      }
      case 'adopted': {
        const facts = { collateral: keyText(event.key), until: toRfc3339(event.expires) }
        log.info(facts, 'new collateral')
        opened?.onAdopted()
        break
      }
      case 'failed':
      case 'discarded': {
        const { kind, key, code, reason } = event
        const held = kind === 'failed' ? event.held : 'none'
        log.warn({ collateral: keyText(key), code, reason, held }, `collateral ${kind}`)
      }
    }
  }
  const deps = { crypto: nodeCrypto, clock, random: systemRandom, onEvent }
  const sources = await openCollateralSources(config, join(dataFolder, 'collateral'), deps)
  opened = { ...sources, onAdopted: () => {} }
  return opened
}

/** Brings the gauges up to date. */
export function showCollateral(
  { services }: CollateralSources,
  metrics: Metrics,
  clock: Clock,
): void {
  const now = clock.now()
  metrics.collateralExpires.reset()
  metrics.collateralAge.reset()
  for (const { key, verified, fetchedAt } of services.flatMap((service) => service.held())) {
    const labels = { tee: key.tee, fmspc: key.fmspc, ca: key.ca, update: String(key.update) }
    metrics.collateralExpires.set(labels, (verified.expires - now) / 1000)
    metrics.collateralAge.set(labels, (now - fetchedAt) / 1000)
  }
}

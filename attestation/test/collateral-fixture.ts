// A collateral service in front of stand-ins for Intel's, over real sockets.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fakeClock } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { simulatedAnchor } from '../src/anchors.ts'
import type { Collateral } from '../src/collateral.ts'
import {
  type CollateralEvent,
  CollateralService,
  type CollateralServiceOptions,
} from '../src/collateral-service/collateral-service.ts'
import type { CollateralKey } from '../src/collateral-service/fetch-collateral.ts'
import { createPcsClient } from '../src/collateral-service/pcs-client.ts'
import { simulatedCollateral } from '../src/simulated/collateral.ts'
import { type PcsKnobs, startPcs } from '../src/testkit/pcs.ts'
import { now } from './fixture.ts'

export const hour = 3_600_000

/** What simulated SGX platforms are judged by. */
export const key: CollateralKey = {
  tee: 'sgx',
  fmspc: '53494d000000',
  ca: 'platform',
  update: 'standard',
}

/** A stand-in that ends with the test; by default it has simulated collateral of `now`. */
export async function openPcs(t: TestContext, knobs: Partial<PcsKnobs> = {}) {
  const fresh = simulatedCollateral(now)
  const pcs = await startPcs({ collateral: () => fresh, ...knobs })
  t.after(() => pcs.close())
  return pcs
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-collateral-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Under the simulated root; `events` fills with what it reports. */
export async function openService(
  urls: readonly string[],
  options: Partial<CollateralServiceOptions> = {},
  clock = fakeClock(now),
) {
  const events: CollateralEvent[] = []
  const clients = urls.map((url) => createPcsClient({ url, timeoutMs: 1000 }))
  const service = await CollateralService.open(
    { clients, anchors: [simulatedAnchor], ...options },
    {
      crypto: nodeCrypto,
      clock,
      random: (length) => new Uint8Array(length),
      onEvent: (event) => void events.push(event),
    },
  )
  return { service, clock, events }
}

/** Collateral with a member of it exchanged. */
export const altered = (members: Partial<Collateral>): Collateral => ({
  ...simulatedCollateral(now),
  ...members,
})

// What the collateral commands share: files with one set or a bundle of them,
// the facts in a set, and the folder where a server keeps its collateral.

import { resolve } from 'node:path'
import { type AnchorKind, intelAnchor, simulatedAnchor, type TrustAnchor } from '@vorta/attestation'
import {
  type BundleEntry,
  maxBundleBytes,
  readBundle,
} from '@vorta/attestation/collateral-service/bundle'
import { CollateralService } from '@vorta/attestation/collateral-service/collateral-service'
import { type VerifiedCollateral, verifyCollateral } from '@vorta/attestation/verify-collateral'
import { fail, type Json, PolicyError, parseJson, systemRandom } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { readInput } from './input.ts'
import type { Io } from './io.ts'
import { plainCollateral, quoteDocument } from './quotes.ts'
import type { Ui } from './ui.ts'

/** Throws FILE_UNREADABLE, TOO_LARGE, MALFORMED_JSON or INVALID_ARGUMENT. */
export async function readCollateralFile(io: Io, path: string): Promise<readonly BundleEntry[]> {
  const bytes = await readInput(io, path, maxBundleBytes)
  const json = parseJson(bytes, { maxBytes: maxBundleBytes })
  const isObject = typeof json === 'object' && json !== null
  if (isObject && 'mediaType' in json) return readBundle(json)
  // Beside a quote, as test vectors have it, or alone.
  const alone =
    isObject && 'collateral' in json ? quoteDocument(json).collateral : plainCollateral(json)
  return readBundle(alone as Json)
}

/** Verifies a set under all known roots; refuses simulated ones that are not asked for. */
export async function verifyAllowed(
  collateral: BundleEntry['collateral'],
  anchors: readonly TrustAnchor[],
  now: number,
  allowSimulated: true | undefined,
): Promise<VerifiedCollateral> {
  const verified = await verifyCollateral(nodeCrypto, collateral, { anchors, now })
  requireAllowed(verified, allowSimulated)
  return verified
}

export function requireAllowed(
  { anchor }: Pick<VerifiedCollateral, 'anchor'>,
  allowSimulated: true | undefined,
): void {
  if (anchor.kind === 'intel' || allowSimulated) return
  throw new PolicyError(
    'SIMULATED_NOT_ALLOWED',
    `SIMULATED: rests on ${anchor.name} and says nothing about hardware`,
    { hints: ['--allow-simulated accepts it'] },
  )
}

/** The names of a set's facts in JSON. */
export const factsOf = ({
  anchor,
  tee,
  ca,
  tcbInfo,
  qeIdentity,
  issued,
  expires,
}: VerifiedCollateral) => ({
  tee,
  fmspc: tcbInfo.fmspc,
  ca,
  tcbEvaluationDataNumber: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
  issued: Math.max(...Object.values(issued)),
  expires,
  root: anchor.name,
  simulated: anchor.kind === 'simulated',
})

const anchors: Readonly<Record<AnchorKind, TrustAnchor>> = {
  intel: intelAnchor,
  simulated: simulatedAnchor,
}

/** The part of a server's collateral folder that is for one root; asks no endpoint. */
export function openFolder(ui: Ui, folder: string, kind: AnchorKind): Promise<CollateralService> {
  const { io } = ui
  return CollateralService.open(
    { clients: [], anchors: [anchors[kind]], folder: resolve(io.cwd, folder, kind) },
    {
      crypto: nodeCrypto,
      clock: { now: io.now },
      random: systemRandom,
      onEvent: (event) => {
        if (event.kind === 'discarded') ui.warn(`${event.code}: ${event.reason}`)
      },
    },
  )
}

/** Throws USAGE where it is missing. */
export function requireOption(value: string | undefined, name: string): string {
  if (value === undefined) throw fail('USAGE', `option --${name} is missing`)
  return value
}

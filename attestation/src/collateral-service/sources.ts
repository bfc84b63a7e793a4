// The collateral for every kind of evidence, as a server is configured: Intel's
// from the endpoints or the folder; for simulated platforms made here, unless
// endpoints stand in for Intel's, to rehearse what happens when Intel's change.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, fail } from '@vorta/core'
import * as d from '@vorta/core/decode'
import { intelAnchor, simulatedAnchor, type TrustAnchor } from '../anchors.ts'
import type { Collateral } from '../collateral.ts'
import type { EvidenceKind } from '../evidence-kind.ts'
import { parseQuote } from '../quote.ts'
import { kindOfQuote } from '../quote-kind.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { CollateralService, type CollateralServiceDeps } from './collateral-service.ts'
import { createPcsClient, type Update } from './pcs-client.ts'
import { isWithin, type Span } from './span.ts'

const hour = 3_600_000
const day = 24 * hour

const span = (min: number, max: number, what: string) =>
  d.refine(d.duration, (ms) => ms >= min && ms <= max, `a duration from ${what}`)

const text = d.string({ min: 1, max: 4096 })

const endpoints = d.array(
  d.object({
    url: text,
    rootCrl: d.optional(text),
    /** PEM file. */
    caFile: d.optional(text),
  }),
  8,
)

const update: d.Decoder<Update> = (value) =>
  typeof value === 'number' ? d.integer(0, 1_000_000)(value) : d.oneOf('standard', 'early')(value)

/** The section of a configuration file; config/mainframe.yaml documents each field. */
export const collateralConfig = d.section(
  d.object({
    endpoints: d.withDefault(endpoints, [{ url: 'https://api.trustedservices.intel.com' }]),
    simulatedEndpoints: d.withDefault(endpoints, []),
    update: d.withDefault(update, 'standard'),
    maxAge: d.withDefault(span(60_000, 30 * day, '1m to 720h'), day),
    grace: d.withDefault(span(0, 30 * day, '0s to 720h'), 0),
    timeout: d.withDefault(span(100, 60_000, '100ms to 60s'), 10_000),
  }),
)
export type CollateralConfig = d.Decoded<typeof collateralConfig>

/** Finds what a quote is to be judged by. Throws as `CollateralService.forQuote`. */
export type CollateralSource = (quote: Uint8Array) => Promise<Collateral>

export type CollateralSources = {
  readonly forQuote: CollateralSource
  /** The service behind; undefined where collateral is made here. */
  readonly serviceFor: (kind: EvidenceKind) => CollateralService | undefined
  readonly services: readonly CollateralService[]
}

/** Throws CONFIG_INVALID. `folder` is where collateral is kept; each root has its own part of it. */
export async function openCollateralSources(
  config: CollateralConfig,
  folder: string,
  deps: CollateralServiceDeps,
): Promise<CollateralSources> {
  const open = (
    given: CollateralConfig['endpoints'],
    anchor: TrustAnchor,
  ): Promise<CollateralService> =>
    CollateralService.open(
      {
        clients: given.map(({ url, rootCrl, caFile }) =>
          createPcsClient({
            url,
            timeoutMs: config.timeout,
            ...(rootCrl === undefined ? {} : { rootCrl }),
            ...(caFile === undefined ? {} : { ca: readPem(caFile) }),
          }),
        ),
        anchors: [anchor],
        folder: join(folder, anchor.kind),
        update: config.update,
        maxAgeMs: config.maxAge,
        graceMs: config.grace,
      },
      deps,
    )
  const hardware = await open(config.endpoints, intelAnchor)
  const rehearsed =
    config.simulatedEndpoints.length > 0
      ? await open(config.simulatedEndpoints, simulatedAnchor)
      : undefined
  const made = simulatedSource(deps.clock)
  const serviceFor = (kind: EvidenceKind) => (kind === 'simulated' ? rehearsed : hardware)
  return {
    forQuote: async (quote) => {
      const service = serviceFor(kindOfQuote(quote))
      return service ? (await service.forQuote(quote)).collateral : made(quote)
    },
    serviceFor,
    services: rehearsed ? [hardware, rehearsed] : [hardware],
  }
}

const renewEveryMs = 60_000

/** Asks for what is due before anybody needs it. Gives what ends that. */
export function keepFresh({ services }: CollateralSources): () => void {
  const timer = setInterval(() => {
    for (const service of services) void service.refreshDue()
  }, renewEveryMs)
  return () => clearInterval(timer)
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw fail('CONFIG_INVALID', `caFile: ${path} cannot be read`, { cause })
  }
}

/**
 * For simulated evidence. Its collateral is valid for 30 days; a day-old one is fresh enough for
 * every policy and saves making four signatures per appraisal.
 */
export function simulatedSource(clock: Clock): CollateralSource {
  const held = new Map<string, { readonly collateral: Collateral; readonly span: Span }>()
  return async (quote) => {
    const { tee } = parseQuote(quote)
    const now = clock.now()
    const known = held.get(tee)
    if (known && isWithin(known.span, now)) return known.collateral
    const collateral = simulatedCollateral(now, { tee })
    held.set(tee, { collateral, span: { from: now, until: now + day } })
    return collateral
  }
}

// The routes beside the API: health, metrics, and the log's static files. They
// need no token: the log is public by purpose, and probes carry no secrets.

import {
  healthRoutes,
  metricsRoute,
  type PlainHandler,
  type PlainRoute,
  plainRoutes as routesOf,
  text,
} from '@vorta/core/server/plain-routes'
import type { LogReader } from '../log/log-reader.ts'
import type { Metrics } from '../metrics.ts'

export type PlainRoutesDeps = {
  readonly metrics: Metrics
  /** Brings gauges up to date just before they are read. */
  readonly beforeScrape: () => void
  /** Why the mainframe cannot take jobs now; undefined when it can. */
  readonly notReady: () => string | undefined
  readonly log: LogReader
  /** Those of the attestation service. */
  readonly more: readonly PlainRoute[]
}

// C2SP tlog-tiles: a full tile never changes, the checkpoint changes all the time.
const forever = 'public, max-age=31536000, immutable'

export const plainRoutes = (deps: PlainRoutesDeps): PlainHandler =>
  routesOf(
    healthRoutes(deps.notReady),
    metricsRoute(deps.metrics.registry, deps.beforeScrape),
    logRoutes(deps.log),
    ...deps.more,
  )

const logRoutes =
  (log: LogReader): PlainRoute =>
  async ({ path }) => {
    if (path === '/log/checkpoint') {
      return { ...text(200, await log.checkpoint()), cache: 'no-cache' }
    }
    if (!path.startsWith('/log/tile/')) return undefined
    const body = await log.tile(path.slice('/log/'.length))
    return { status: 200, type: 'application/octet-stream', body, cache: forever }
  }

// The routes beside the API: health, metrics, and the log's static files. They
// need no token: the log is public by purpose, and probes carry no secrets.

import type { ServerResponse } from 'node:http'
import type { connectNodeAdapter } from '@connectrpc/connect-node'
import { VortaError } from '@vorta/core'
import type { LogReader } from '../log/log-reader.ts'
import type { Metrics } from '../metrics.ts'

export type PlainRoutesDeps = {
  readonly metrics: Metrics
  /** Brings gauges up to date just before they are read. */
  readonly beforeScrape: () => void
  /** Why the mainframe cannot take jobs now; undefined when it can. */
  readonly notReady: () => string | undefined
  readonly log: LogReader
}

/** A handler of either HTTP version. */
type Handler = ReturnType<typeof connectNodeAdapter>

type Answer = {
  readonly status: number
  readonly type: string
  readonly body: string | Uint8Array
  readonly cache?: string
}

const text = (status: number, body: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
})

// C2SP tlog-tiles: a full tile never changes, the checkpoint changes all the time.
const forever = 'public, max-age=31536000, immutable'

export function plainRoutes(deps: PlainRoutesDeps): Handler {
  async function answer(path: string): Promise<Answer> {
    if (path === '/healthz') return text(200, 'ok\n')
    if (path === '/readyz') {
      const reason = deps.notReady()
      return reason === undefined ? text(200, 'ok\n') : text(503, `${reason}\n`)
    }
    if (path === '/metrics') {
      deps.beforeScrape()
      return {
        status: 200,
        type: deps.metrics.registry.contentType,
        body: await deps.metrics.registry.metrics(),
      }
    }
    if (path === '/log/checkpoint')
      return { ...text(200, await deps.log.checkpoint()), cache: 'no-cache' }
    if (path.startsWith('/log/tile/')) {
      const body = await deps.log.tile(path.slice('/log/'.length))
      return { status: 200, type: 'application/octet-stream', body, cache: forever }
    }
    return text(404, 'not found\n')
  }

  return (request, answerTo) => {
    // HTTP/2's compatibility API has the same methods; only its overloads differ.
    const response = answerTo as ServerResponse
    const respond = ({ status, type, body, cache = 'no-store' }: Answer) => {
      response.statusCode = status
      response.setHeader('content-type', type)
      response.setHeader('cache-control', cache)
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const path = (request.url ?? '/').split('?')[0] as string
    const readable = request.method === 'GET' || request.method === 'HEAD'
    answer(readable ? path : '')
      .catch((thrown) => {
        const { code, message } = VortaError.from(thrown)
        const line = `${code}: ${message}\n`
        return code === 'INTERNAL' ? text(500, 'internal error\n') : text(404, line)
      })
      .then(respond)
      .catch(() => response.destroy()) // whoever asked has left meanwhile
  }
}

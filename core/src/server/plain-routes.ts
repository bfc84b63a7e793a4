// Plain HTTP routes beside an API: health, metrics, static documents. Reads
// only, and of either HTTP version.

import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { VortaError } from '../errors.ts'

export type Answer = {
  readonly status: number
  readonly type: string
  readonly body: string | Uint8Array
  readonly cache?: string
  readonly headers?: Readonly<Record<string, string>>
}

export type PlainRequest = {
  readonly path: string
  /** With its question mark; empty where there is none. */
  readonly query: string
  /** A header of the request, by its lower-case name. */
  readonly header: (name: string) => string | undefined
}

/** A handler of either HTTP version. */
export type PlainHandler = (
  request: {
    readonly method?: string | undefined
    readonly url?: string | undefined
    readonly headers: IncomingHttpHeaders
  },
  response: unknown,
) => void

/** Undefined where the route is not one of its own. */
export type PlainRoute = (request: PlainRequest) => Promise<Answer | undefined>

export const text = (status: number, body: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
})

/** `/healthz`: alive. `/readyz`: takes calls, unless `notReady` says why it does not. */
export const healthRoutes =
  (notReady: () => string | undefined): PlainRoute =>
  async ({ path }) => {
    if (path === '/healthz') return text(200, 'ok\n')
    if (path !== '/readyz') return undefined
    const reason = notReady()
    return reason === undefined ? text(200, 'ok\n') : text(503, `${reason}\n`)
  }

/** `/metrics`, of a registry such as prom-client's; `refresh` brings gauges up to date. */
export const metricsRoute =
  (
    registry: { readonly contentType: string; metrics(): Promise<string> },
    refresh: () => void,
  ): PlainRoute =>
  async ({ path }) => {
    if (path !== '/metrics') return undefined
    refresh()
    return { status: 200, type: registry.contentType, body: await registry.metrics() }
  }

const notFound = text(404, 'not found\n')

/** Asks one route after the other; GET and HEAD only. */
export function plainRoutes(...routes: readonly PlainRoute[]): PlainHandler {
  async function answer(request: PlainRequest): Promise<Answer> {
    for (const route of routes) {
      const answer = await route(request)
      if (answer) return answer
    }
    return notFound
  }

  return (request, answerTo) => {
    // HTTP/2's compatibility API has the same methods; only its overloads differ.
    const response = answerTo as ServerResponse
    const respond = ({ status, type, body, cache = 'no-store', headers = {} }: Answer) => {
      response.statusCode = status
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      response.setHeader('content-type', type)
      response.setHeader('cache-control', cache)
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const [path = '/', query] = (request.url ?? '/').split(/(?=\?)/, 2)
    const header = (name: string) => {
      const value = request.headers[name]
      return typeof value === 'string' ? value : undefined
    }
    const readable = request.method === 'GET' || request.method === 'HEAD'
    const answered = readable
      ? answer({ path, query: query ?? '', header })
      : Promise.resolve(notFound)
    answered
      .catch((thrown) => {
        const { code, message } = VortaError.from(thrown)
        if (code === 'INTERNAL') return text(500, 'internal error\n')
        return text(code === 'UNAUTHENTICATED' ? 401 : 404, `${code}: ${message}\n`)
      })
      .then(respond)
      .catch(() => response.destroy()) // whoever asked has left meanwhile
  }
}

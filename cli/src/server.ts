// The connection to a mainframe: one HTTP/2 session, a client for each service,
// errors in our own words. HTTP/2 also without TLS, for uploads are streams.

import { setTimeout as pause } from 'node:timers/promises'
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect'
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node'
import {
  ArtifactService,
  AttestationService,
  ClusterService,
  fromConnectError,
  JobService,
  KeyReleaseService,
  LogService,
  PolicyService,
  ReceiptService,
} from '@vorta/api'
import { fail, VortaError } from '@vorta/core'
import { type Connection, isLoopback, resolveTarget, type Target } from './target.ts'
import type { Ui } from './ui.ts'

export type Server = {
  readonly target: Target
  readonly transport: Transport
  readonly jobs: Client<typeof JobService>
  readonly artifacts: Client<typeof ArtifactService>
  readonly attestation: Client<typeof AttestationService>
  readonly cluster: Client<typeof ClusterService>
  readonly receipts: Client<typeof ReceiptService>
  readonly releases: Client<typeof KeyReleaseService>
  readonly log: Client<typeof LogService>
  readonly policies: Client<typeof PolicyService>
}

/** For single calls; streams last as long as they last. */
const callTimeoutMs = 30_000

/** No limit, for streams. */
export const untimed = { timeoutMs: 0 } as const

// A watch is silent for long; pings find out that the other side is gone.
const pingIntervalMs = 20_000

/** Connects, lets `use` work, and closes. Throws VortaErrors only. */
export async function withServer<T>(
  ui: Ui,
  connection: Connection,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const target = await resolveTarget(ui.io, connection)
  const url = new URL(target.endpoint)
  if (target.token !== undefined && url.protocol === 'http:' && !isLoopback(url)) {
    ui.warn(`the token goes to ${url.host} unencrypted; use https:// where others can listen`)
  }
  const sessions = new Http2SessionManager(target.endpoint, { pingIntervalMs })
  const transport = createConnectTransport({
    baseUrl: target.endpoint,
    httpVersion: '2',
    sessionManager: sessions,
    defaultTimeoutMs: callTimeoutMs,
    interceptors: target.token === undefined ? [] : [bearer(target.token)],
  })
  try {
    return await use({
      target,
      transport,
      jobs: createClient(JobService, transport),
      artifacts: createClient(ArtifactService, transport),
      attestation: createClient(AttestationService, transport),
      cluster: createClient(ClusterService, transport),
      receipts: createClient(ReceiptService, transport),
      releases: createClient(KeyReleaseService, transport),
      log: createClient(LogService, transport),
      policies: createClient(PolicyService, transport),
    })
  } catch (thrown) {
    throw explain(thrown, target)
  } finally {
    sessions.abort()
  }
}

const bearer =
  (token: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set('authorization', `Bearer ${token}`)
    return next(request)
  }

// Calls that are repeated are such that a second time changes nothing.
const tries = 3
const retryAfterMs = 200

/** Makes a call that is safe to repeat, and repeats it where the connection broke. */
export async function repeated<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (thrown) {
      if (attempt === tries || !isDisconnect(thrown)) throw thrown
      await pause(attempt * retryAfterMs)
    }
  }
}

/** The server is gone or going, as opposed to having refused. Safe to try again. */
export function isDisconnect(thrown: unknown): boolean {
  const { code, details } = ConnectError.from(thrown)
  // What the server says carries details; a broken stream has only the transport's code.
  const broken = [Code.Unavailable, Code.Canceled, Code.Aborted, Code.Internal].includes(code)
  return fromConnectError(thrown).code === 'UNAVAILABLE' || (broken && details.length === 0)
}

/** Adds what the client knows: whom it tried to reach, and which token it had. */
function explain(thrown: unknown, { endpoint, tokenSource }: Target): VortaError {
  const error = fromConnectError(thrown)
  const system = systemCode(thrown)
  if (system !== undefined || (thrown instanceof ConnectError && isDisconnect(thrown))) {
    const reason = system ?? error.message
    return fail('UNAVAILABLE', `cannot reach the mainframe at ${endpoint}: ${reason}`, {
      hints: isLoopback(new URL(endpoint))
        ? ['start one with `make dev`, or choose another with --endpoint']
        : ['check --endpoint, or see `vorta-cli doctor`'],
      cause: thrown,
    })
  }
  if (error.code === 'UNAUTHENTICATED') {
    return new VortaError(error.code, error.message, {
      hints: [...error.hints, `token: ${tokenSource}`],
      cause: thrown,
    })
  }
  return error
}

const systemCodes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name cannot be resolved',
  ECONNRESET: 'connection reset',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
}

/** The reason a connection failed, from the chain of causes. */
function systemCode(thrown: unknown): string | undefined {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
    // Reaching localhost may fail once for each of its addresses.
    const first = cause instanceof AggregateError ? systemCode(cause.errors[0]) : undefined
    if (first ?? systemCodes[code]) return first ?? systemCodes[code]
  }
  return undefined
}

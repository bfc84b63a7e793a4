// What every call passes: who calls and what may they, before anything of the
// call is read; how long did it take; and errors in the one form that clients know.

import { Code, type ConnectError, type HandlerContext, type Interceptor } from '@connectrpc/connect'
import { ArtifactService, toConnectError } from '@vorta/api'
import { fail, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { Metrics } from '../metrics.ts'
import type { Role, Tokens } from './tokens.ts'

/** What a role may call, beyond an administrator, who may call everything. */
function permitted(role: Role, service: string, method: string): boolean {
  if (role === 'admin') return true
  return (
    service === ArtifactService.typeName && method === ArtifactService.method.downloadArtifacts.name
  )
}

export type GateDeps = {
  readonly tokens: Tokens
  readonly metrics: Metrics
  /** Whether the mainframe takes no more calls. */
  readonly stopping: () => boolean
}

/**
 * Authentication comes first, permission second, and only then is the request read or does
 * the call see what exists: a stranger can make the mainframe hold no more than headers.
 */
export function gate({ tokens, metrics, stopping }: GateDeps): (context: HandlerContext) => void {
  const check = ({ requestHeader, service, method }: HandlerContext): void => {
    const role = tokens.roleOf(requestHeader.get('authorization'))
    if (!role) {
      throw fail('UNAUTHENTICATED', 'expected a bearer token, got none that is known here', {
        hints: ['set VORTA_TOKEN_FILE to the admin.token in the data folder of the mainframe'],
      })
    }
    if (!permitted(role, service.typeName, method.name)) {
      throw fail('PERMISSION_DENIED', `the role "${role}" may not call ${method.name}`)
    }
    if (stopping()) throw fail('UNAVAILABLE', 'the mainframe is stopping')
  }
  return (context) => {
    try {
      check(context)
    } catch (thrown) {
      metrics.callsRefused.inc({ code: VortaError.from(thrown).code })
      throw toConnectError(thrown)
    }
  }
}

/** Outermost: turns whatever was thrown into a ConnectError, counts and times the call to its end. */
export function observe(metrics: Metrics, log: Logger): Interceptor {
  return (next) => async (request) => {
    const method = request.method.name
    const stop = metrics.rpcSeconds.startTimer({ method })
    const failed = (thrown: unknown): ConnectError => {
      const error = toConnectError(thrown)
      stop({ code: Code[error.code].toLowerCase() })
      if (error.code === Code.Internal) {
        log.error({ err: thrown, method }, 'call failed unexpectedly')
      }
      return error
    }
    async function* observed<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
      let code: 'ok' | undefined = 'ok'
      try {
        yield* messages
      } catch (thrown) {
        code = undefined
        throw failed(thrown)
      } finally {
        if (code) stop({ code })
      }
    }
    try {
      const response = await next(request)
      if (response.stream) return { ...response, message: observed(response.message) }
      stop({ code: 'ok' })
      return response
    } catch (thrown) {
      throw failed(thrown)
    }
  }
}

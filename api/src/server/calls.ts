// What every call to a server of ours passes: who calls and what may they, before
// anything of the call is read; how long did it take; and errors in the one form
// that clients know.

import { Code, type ConnectError, type HandlerContext, type Interceptor } from '@connectrpc/connect'
import { fail, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import { toConnectError } from '../errors.ts'

export type GateDeps<Role extends string> = {
  /** The role that an Authorization header gives; undefined for a stranger. */
  readonly roleOf: (authorization: string | null) => Role | undefined
  readonly permits: (role: Role, service: string, method: string) => boolean
  /** Calls that are for strangers too. */
  readonly isOpen?: (service: string, method: string) => boolean
  /** Where the token is, for one who has none. */
  readonly hint: string
  /** Whether the server takes no more calls. */
  readonly stopping: () => boolean
  readonly onRefused: (code: string) => void
}

/**
 * Authentication comes first, permission second, and only then is the request read or does
 * the call see what exists: a stranger can make the server hold no more than headers.
 */
export function gate<Role extends string>(deps: GateDeps<Role>): (context: HandlerContext) => void {
  const authorize = ({ requestHeader, service, method }: HandlerContext): void => {
    if (deps.isOpen?.(service.typeName, method.name)) return
    const role = deps.roleOf(requestHeader.get('authorization'))
    if (role === undefined) {
      throw fail('UNAUTHENTICATED', 'expected a bearer token, got none that is known here', {
        hints: [deps.hint],
      })
    }
    if (!deps.permits(role, service.typeName, method.name)) {
      throw fail('PERMISSION_DENIED', `the role "${role}" may not call ${method.name}`)
    }
  }
  return (context) => {
    try {
      authorize(context)
      if (deps.stopping()) throw fail('UNAVAILABLE', 'the server is stopping')
    } catch (thrown) {
      deps.onRefused(VortaError.from(thrown).code)
      throw toConnectError(thrown)
    }
  }
}

/** Measures from `startTimer` to the call of what it returns; a histogram of prom-client is one. */
export type CallTimer = {
  startTimer(labels: { method: string }): (labels: { code: string }) => unknown
}

/** Outermost: turns whatever was thrown into a ConnectError, counts and times the call to its end. */
export function observe(timer: CallTimer, log: Logger): Interceptor {
  return (next) => async (request) => {
    const method = request.method.name
    const stop = timer.startTimer({ method })
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

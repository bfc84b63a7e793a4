// What every call passes: who calls, what may they, how long did it take, and
// errors in the one form that clients know.

import { Code, type ConnectError, type Interceptor } from '@connectrpc/connect'
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

/** Authentication comes first, permission second, and only then does the call see what exists. */
export function authenticate(tokens: Tokens): Interceptor {
  return (next) => (request) => {
    const role = tokens.roleOf(request.header.get('authorization'))
    if (!role) {
      throw fail('UNAUTHENTICATED', 'expected a bearer token, got none that is known here', {
        hints: ['set VORTA_TOKEN_FILE to the admin.token in the data folder of the mainframe'],
      })
    }
    if (!permitted(role, request.service.typeName, request.method.name)) {
      throw fail('PERMISSION_DENIED', `the role "${role}" may not call ${request.method.name}`)
    }
    return next(request)
  }
}

/** Outermost: turns whatever was thrown into a ConnectError, counts and times the call. */
export function observe(metrics: Metrics, log: Logger): Interceptor {
  return (next) => async (request) => {
    const stop = metrics.rpcSeconds.startTimer({ method: request.method.name })
    let code = 'ok'
    try {
      return await next(request)
    } catch (thrown) {
      const error: ConnectError = toConnectError(thrown)
      code = Code[error.code].toLowerCase()
      if (VortaError.from(thrown).code === 'INTERNAL') {
        log.error({ err: thrown, method: request.method.name }, 'call failed unexpectedly')
      }
      throw error
    } finally {
      stop({ code })
    }
  }
}

// Several endpoints as one: asked in their order, the next where one fails. One
// that asks for patience (Retry-After) is left alone for as long as it says.

import { type Clock, fail, VortaError } from '@vorta/core'
import type { PcsClient } from './pcs-client.ts'

export type Failover = {
  /**
   * The first answer that `use` accepts. Throws COLLATERAL_UNAVAILABLE with what each endpoint
   * failed with, or the one error there was.
   */
  ask<T>(use: (client: PcsClient) => Promise<T>): Promise<T>
}

export type AskedEvent = {
  readonly endpoint: string
  readonly code: string
  readonly reason: string
}

/** `onAsked` hears of every endpoint asked; the code is OK where it answered. */
export function createFailover(
  clients: readonly PcsClient[],
  clock: Clock,
  onAsked: (event: AskedEvent) => void,
): Failover {
  const patientUntil = new Map<PcsClient, number>()
  return {
    ask: async (use) => {
      const faults: VortaError[] = []
      for (const client of clients) {
        const until = patientUntil.get(client) ?? 0
        if (clock.now() < until) {
          faults.push(
            fail('COLLATERAL_UNAVAILABLE', `${client.name}: asks to be left alone`, {
              meta: { retryAfterMs: until - clock.now() },
            }),
          )
          continue
        }
        try {
          const answer = await use(client)
          onAsked({ endpoint: client.name, code: 'OK', reason: '' })
          return answer
        } catch (thrown) {
          const error = VortaError.from(thrown)
          faults.push(error)
          const { retryAfterMs } = error.meta
          if (typeof retryAfterMs === 'number') patientUntil.set(client, clock.now() + retryAfterMs)
          onAsked({ endpoint: client.name, code: error.code, reason: error.message })
        }
      }
      throw summary(faults)
    },
  }
}

function summary(faults: readonly VortaError[]): VortaError {
  const [first, ...more] = faults
  if (first && more.length === 0) return first
  const waits = faults.map(({ meta }) => Number(meta.retryAfterMs ?? 0))
  const retryAfterMs = Math.min(...waits)
  return fail(
    'COLLATERAL_UNAVAILABLE',
    faults.map(({ message }) => message).join('; ') || 'no collateral endpoint is configured',
    {
      meta: retryAfterMs > 0 && Number.isFinite(retryAfterMs) ? { retryAfterMs } : {},
      cause: first,
    },
  )
}

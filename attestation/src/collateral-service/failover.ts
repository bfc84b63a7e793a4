// Several endpoints as one: asked in their order, the next where one fails. One
// that asks for patience (Retry-After) is left alone for as long as it says.

import { type Clock, fail, VortaError } from '@vorta/core'
import type { PcsClient } from './pcs-client.ts'
import { isWithin, type Span } from './span.ts'

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
  const patience = new Map<PcsClient, Span>()
  return {
    ask: async (use) => {
      const faults: VortaError[] = []
      for (const client of clients) {
        const asked = clock.now()
        const wait = patience.get(client)
        if (wait && isWithin(wait, asked)) {
          faults.push(
            fail('COLLATERAL_UNAVAILABLE', `${client.name}: asks to be left alone`, {
              meta: { retryAfterMs: wait.until - asked },
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
          const from = clock.now()
          if (typeof retryAfterMs === 'number') {
            patience.set(client, { from, until: from + retryAfterMs })
          }
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

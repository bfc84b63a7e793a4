// Holding the lease of the cluster: taken at the start, renewed while we live,
// given up at the end. Who finds that it was lost has to stop at once.

import { type Clock, VortaError } from '@vorta/core'
import type { Store } from './store.ts'

export type LeaderOptions = {
  readonly holder: string
  readonly clock: Clock
  readonly fatal: (error: VortaError) => void
}

// Short, because a successor of a killed process waits for it; renewed three
// times in its length, because one renewal may be late.
const leaseMs = 2000

export async function becomeLeader(store: Store, { holder, clock, fatal }: LeaderOptions) {
  const deadline = clock.now() + 3 * leaseMs
  for (;;) {
    try {
      const { epoch, release } = await store.lead({ holder, ttlMs: leaseMs, now: clock.now() })
      const renewal = setInterval(() => {
        store.renew(epoch, clock.now() + leaseMs).catch((thrown) => fatal(VortaError.from(thrown)))
      }, leaseMs / 3)
      return {
        epoch,
        release: async () => {
          clearInterval(renewal)
          await release()
        },
      }
    } catch (thrown) {
      // The lease of a process that was killed runs out by itself.
      if (VortaError.from(thrown).code !== 'STORE_LOCKED' || clock.now() > deadline) throw thrown
      await new Promise((resolve) => setTimeout(resolve, leaseMs / 10))
    }
  }
}

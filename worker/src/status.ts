// Reports the worker's state to whoever watches: at once, when something
// changes, and as a heartbeat.

import { setTimeout as pause } from 'node:timers/promises'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { WatchStatusResponseSchema } from '@vorta/api'
import type { ArtifactCache } from './artifact-cache.ts'
import type { EnclaveSupervisor } from './enclave-process.ts'
import type { Ledger } from './ledger.ts'
import { createSleeper } from './sleeper.ts'
import type { Topic } from './topic.ts'
import { createHostMeter } from './usage.ts'

/** Digests in one report (worker.proto). */
const maxDigests = 10_000
/** Changes that follow closely go into one report. */
const settleMs = 50
const minIntervalMs = 100
const maxIntervalMs = 60_000

export type StatusSource = {
  readonly ledger: Ledger
  readonly cache: ArtifactCache
  readonly enclave: EnclaveSupervisor
  readonly draining: () => boolean
  /** Something of the above changed. */
  readonly changes: Topic<void>
}

type Report = MessageInitShape<typeof WatchStatusResponseSchema>

/** Reports until `signal` aborts. An interval out of range is brought into it. */
export async function* watchStatus(
  source: StatusSource,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<Report, void> {
  const { ledger, cache, enclave } = source
  const interval = Math.min(maxIntervalMs, Math.max(minIntervalMs, intervalMs))
  const sleeper = createSleeper()
  const measure = createHostMeter()
  const cached = new Set(cache.digests().slice(-maxDigests))
  const evicted = new Set<string>()
  const unsubscribe = [
    source.changes.subscribe(sleeper.wake),
    cache.changes.subscribe(({ digest, present }) => {
      ;(present ? evicted : cached).delete(digest)
      ;(present ? cached : evicted).add(digest)
      sleeper.wake()
    }),
  ]
  signal.addEventListener('abort', sleeper.wake)
  try {
    while (!signal.aborted) {
      const { memoryBytes, memoryFreeBytes, cpu } = measure()
      yield {
        usage: {
          memoryBytes: BigInt(memoryBytes),
          memoryFreeBytes: BigInt(memoryFreeBytes),
          epcFreeBytes: BigInt(ledger.epcFreeBytes),
          cpu,
          running: ledger.running,
          slots: ledger.slots,
          cacheBytes: BigInt(cache.bytes),
        },
        draining: source.draining(),
        enclaveReady: enclave.current !== undefined,
        enclaveGeneration: BigInt(enclave.generation),
        cached: takeFrom(cached),
        evicted: takeFrom(evicted),
      }
      await sleeper.sleep(interval)
      await pause(settleMs)
    }
  } finally {
    signal.removeEventListener('abort', sleeper.wake)
    for (const end of unsubscribe) end()
  }
}

/** Takes out what fits into one report; the rest waits for the next. */
function takeFrom(digests: Set<string>): string[] {
  const taken = [...digests].slice(0, maxDigests)
  for (const digest of taken) digests.delete(digest)
  return taken.map((digest) => `sha256:${digest}`)
}

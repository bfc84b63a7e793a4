// The verifier's primitives with P-256 signatures on worker threads: the event
// loop of a server stays free, and many at once use all processors. What is
// asked for in one turn of the event loop travels together: a job of libuv's
// thread pool for each signature costs half as much as verifying it.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Crypto } from './crypto.ts'
import { nodeCrypto } from './crypto-node.ts'
import { type P256Task, packTasks, type ThreadOptions } from './p256-tasks.ts'

export type ThreadedCryptoOptions = {
  /** Default: one for each processor. They start when they are first needed. */
  readonly threads?: number
  /** How many imported keys each thread keeps. */
  readonly maxKeys?: number
}

type Pending = P256Task & { readonly settle: (isGood: boolean | Promise<boolean>) => void }

// Enough to make a message cheap, and few enough for all threads to end together.
const maxBatch = 32
/** One that is worked on and one that waits, so that no thread waits for the event loop. */
const maxBatches = 2

export function createThreadedCrypto({
  threads = availableParallelism(),
  maxKeys = 4096,
}: ThreadedCryptoOptions = {}): Crypto {
  const team: Thread[] = []
  let queue: Pending[] = []
  let isScheduled = false

  function freest(): Thread {
    const [first] = team.toSorted((a, b) => a.load - b.load)
    if (first && (first.load === 0 || team.length === threads)) return first
    const thread = new Thread({ maxKeys }, send, () => {
      team.splice(team.indexOf(thread), 1)
      send() // what waited for room on it
    })
    team.push(thread)
    return thread
  }

  function send(): void {
    isScheduled = false
    const size = Math.min(maxBatch, Math.ceil(queue.length / threads))
    while (queue.length > 0) {
      const thread = freest()
      if (thread.load >= maxBatches) return // it calls again when it has room
      thread.run(queue.slice(0, size))
      queue = queue.slice(size)
    }
  }

  return {
    ...nodeCrypto,
    verifyP256: (key, data, signature) => {
      if (key.x.length !== 32 || key.y.length !== 32 || signature.length !== 64) {
        return Promise.resolve(false)
      }
      const { promise, resolve } = Promise.withResolvers<boolean>()
      queue.push({ key, data, signature, settle: resolve })
      if (!isScheduled) {
        isScheduled = true
        setImmediate(send)
      }
      return promise
    },
  }
}

class Thread {
  private readonly worker: Worker
  private readonly batches: (readonly Pending[])[] = []

  constructor(options: ThreadOptions, onRoom: () => void, onEnd: () => void) {
    this.worker = new Worker(new URL('./p256-thread.ts', import.meta.url), { workerData: options })
    this.worker.unref()
    this.worker.on('message', (verdicts: Uint8Array) => {
      const batch = this.batches.shift() ?? []
      if (this.load === 0) this.worker.unref()
      onRoom()
      for (const [i, { settle }] of batch.entries()) settle(verdicts[i] === 1)
    })
    this.worker.on('error', () => {}) // `exit` follows
    this.worker.once('exit', () => {
      onEnd()
      // Nobody is left without a verdict, and none is guessed.
      for (const { key, data, signature, settle } of this.batches.flat()) {
        settle(nodeCrypto.verifyP256(key, data, signature))
      }
    })
  }

  /** Batches that are not answered yet. */
  get load(): number {
    return this.batches.length
  }

  /** A thread holds the process only while somebody waits for it. */
  run(batch: readonly Pending[]): void {
    if (this.load === 0) this.worker.ref()
    this.batches.push(batch)
    const packed = packTasks(batch)
    this.worker.postMessage(packed, [packed.buffer])
  }
}

/** For servers, where others are waiting too. */
export const threadedCrypto: Crypto = createThreadedCrypto()

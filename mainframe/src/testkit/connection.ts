// The jobs' end of a connection to a worker that a test plays by hand.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { type Attempt, type AttemptUpdate, AttemptUpdateSchema } from '@vorta/api'
import type { InlineArtifact, WorkerCalls } from '../cluster/session.ts'

type Update = MessageInitShape<typeof AttemptUpdateSchema>['update']

/** One Execute call. */
export type TestBatch = {
  readonly attempts: readonly Attempt[]
  readonly inline: readonly InlineArtifact[]
  readonly remainingMs: number
  /** Tells something about an attempt of the batch. */
  tell(attempt: Attempt, ...updates: NonNullable<Update>[]): void
  /** Several updates in one message, as they are. */
  send(updates: readonly AttemptUpdate[]): void
  end(): void
  breakOff(): void
}

export type TestConnection = WorkerCalls & {
  /** Ends the connection, as far as attempts can tell that are not on a stream. */
  hangUp(): void
  readonly aborted: string[]
  /** The next Execute call, made already or yet to come. */
  batch(): Promise<TestBatch>
}

export const updateOf = ({ jobUid, number }: Attempt, update: Update): AttemptUpdate =>
  create(AttemptUpdateSchema, { jobUid, number, ...(update ? { update } : {}) })

export function testConnection(): TestConnection {
  const batches = createInbox<TestBatch>()
  const aborted: string[] = []
  const { promise: closed, resolve: hangUp } = Promise.withResolvers<void>()
  return {
    aborted,
    closed,
    hangUp,
    challenge: () => Promise.reject(new Error('the test has the enclave itself')),
    batch: batches.take,
    abort: async (uids) => void aborted.push(...uids),
    close: () => {},
    async *execute(attempts, _log, inline, remainingMs) {
      const messages = createInbox<readonly AttemptUpdate[] | 'end' | 'break'>()
      batches.put({
        attempts,
        inline,
        remainingMs,
        tell: (attempt, ...updates) =>
          messages.put(updates.map((update) => updateOf(attempt, update))),
        send: messages.put,
        end: () => messages.put('end'),
        breakOff: () => messages.put('break'),
      })
      for (;;) {
        const message = await messages.take()
        if (message === 'end') return
        if (message === 'break') throw new Error('the connection broke')
        yield message
      }
    },
  }
}

/** Things that come, each taken once, by whoever waits or will wait. */
function createInbox<T>() {
  const things: T[] = []
  const takers: ((thing: T) => void)[] = []
  return {
    put: (thing: T): void => {
      const taker = takers.shift()
      if (taker) taker(thing)
      else things.push(thing)
    },
    take: (): Promise<T> => {
      const thing = things.shift()
      return thing === undefined
        ? new Promise((resolve) => takers.push(resolve))
        : Promise.resolve(thing)
    },
  }
}

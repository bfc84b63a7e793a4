// Runs batches of attempts: admits each against the ledger, gathers what the
// batch needs, hands it to the enclave, and tells what happens. Every admitted
// attempt ends with exactly one result or failure and gives its slot back.

import { fromJsonString, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type Attempt,
  type AttemptUpdateSchema,
  type ExecuteRequest,
  JobSpecSchema,
} from '@vorta/api'
import { type Clock, fail, fromUtf8 } from '@vorta/core'
import { maxAttempts } from '@vorta/enclave'
import type { ArtifactCache } from './artifact-cache.ts'
import { bare, gatherArtifacts } from './artifact-gather.ts'
import type { Enclave } from './enclave-process.ts'
import { runInEnclave } from './enclave-run.ts'
import type { Ledger } from './ledger.ts'
import type { Session } from './session.ts'
import { createUpdateQueue } from './update-queue.ts'
import { failed, failedHere, starting, type Update } from './updates.ts'

type UpdateMessage = MessageInitShape<typeof AttemptUpdateSchema>

/** An admitted attempt. */
export type Work = {
  readonly attempt: Attempt
  /** Digests of its artifacts, 64 hex digits. */
  readonly artifacts: readonly string[]
  readonly tell: (update: Update) => void
  /** Tells the last update and gives the slot back; later calls do nothing. */
  readonly end: (update: Update) => void
  readonly open: boolean
}

export type ExecutorOptions = {
  readonly ledger: Ledger
  readonly cache: ArtifactCache
  readonly enclave: () => Enclave | undefined
  readonly draining: () => boolean
  readonly clock: Clock
}

export type Executor = {
  /** Groups of updates until every attempt has ended. `signal`: nobody listens any more. */
  readonly execute: (
    request: ExecuteRequest,
    session: Session,
    signal: AbortSignal,
  ) => AsyncGenerator<UpdateMessage[], void>
  /** Gives up what is at work for these jobs. */
  readonly abort: (jobUids: readonly string[]) => void
}

export function createExecutor(options: ExecutorOptions): Executor {
  const { ledger, cache, clock } = options
  const atWork = new Set<Work>()

  /** Why no attempt can be taken at all now. */
  function closed(session: Session, enclave: Enclave | undefined): string | undefined {
    if (options.draining()) return 'the worker is draining'
    if (!enclave) return 'no enclave is up'
    if (session.admitted === undefined) return 'the worker is not admitted'
    if (session.admitted !== enclave.generation) {
      return `enclave ${enclave.generation} is not attested yet`
    }
    return undefined
  }

  function take(attempt: Attempt, push: (update: UpdateMessage) => void): Work | undefined {
    const tell = (update: Update) =>
      push({ jobUid: attempt.jobUid, number: attempt.number, update })
    const epcBytes = reservationOf(attempt)
    if (attempt.deadline && Number(attempt.deadline.seconds) * 1000 <= clock.now()) {
      const message = 'the deadline passed before the worker began'
      tell(failed({ code: 'JOB_EXPIRED', message, retryable: false }))
      return undefined
    }
    if (!ledger.reserve(epcBytes)) {
      const { running, slots, epcFreeBytes } = ledger
      const load = `${running} of ${slots} slots taken, ${epcFreeBytes} bytes of EPC free`
      tell(failedHere(fail('UNAVAILABLE', `the worker is full: ${load}`)))
      return undefined
    }
    let open = true
    const work: Work = {
      attempt,
      artifacts: attempt.artifacts.map(bare),
      tell,
      get open() {
        return open
      },
      end: (update) => {
        if (!open) return
        open = false
        atWork.delete(work)
        tell(update)
        ledger.release(epcBytes)
      },
    }
    atWork.add(work)
    tell(starting)
    return work
  }

  async function runBatch(
    batch: readonly Work[],
    request: ExecuteRequest,
    session: Session,
    enclave: Enclave,
    signal: AbortSignal,
  ): Promise<void> {
    const { download } = session
    const log = request.log
    if (!download || !log) throw fail('INVALID_ARGUMENT', 'execute: expected the log to be named')
    const needed = new Set(batch.flatMap((work) => work.artifacts))
    const { inline } = request
    const gathered = await gatherArtifacts({ needed, inline, cache, download, signal })
    await runInEnclave({ batch, log, gathered, enclave, cache })
  }

  function giveUp(works: readonly Work[]): void {
    const open = works.filter((work) => work.open)
    if (open.length === 0) return
    options.enclave()?.abort(open.map((work) => work.attempt.jobUid))
    const message = 'given up: nobody waits for the result any more'
    for (const work of open) work.end(failed({ code: 'JOB_CANCELLED', message, retryable: false }))
  }

  return {
    async *execute(request, session, signal) {
      if (request.attempts.length > maxAttempts) {
        const got = request.attempts.length
        throw fail(
          'INVALID_ARGUMENT',
          `execute: expected at most ${maxAttempts} attempts, got ${got}`,
        )
      }
      const updates = createUpdateQueue<UpdateMessage>()
      const enclave = options.enclave()
      const why = closed(session, enclave)
      if (why !== undefined || !enclave) {
        const update = failedHere(fail('UNAVAILABLE', why ?? 'no enclave is up'))
        yield request.attempts.map(({ jobUid, number }) => ({ jobUid, number, update }))
        return
      }
      const batch = request.attempts
        .map((attempt) => take(attempt, updates.push))
        .filter((work) => work !== undefined)
      const cutShort = () => giveUp(batch)
      signal.addEventListener('abort', cutShort)
      const running = runBatch(batch, request, session, enclave, signal)
        .catch((thrown) => {
          for (const work of batch) work.end(failedHere(thrown))
        })
        .finally(updates.close)
      try {
        yield* updates.groups()
        await running
      } finally {
        cutShort()
        signal.removeEventListener('abort', cutShort)
      }
    },

    abort(jobUids) {
      const given = new Set(jobUids)
      giveUp([...atWork].filter((work) => given.has(work.attempt.jobUid)))
    },
  }
}

/** What the spec reserves. A spec that cannot be read reserves nothing: the enclave will refuse it. */
function reservationOf(attempt: Attempt): number {
  try {
    const spec = fromJsonString(JobSpecSchema, fromUtf8(attempt.spec) ?? '', {
      ignoreUnknownFields: true,
    })
    return Math.max(0, Number(spec.resources?.epcBytes ?? 0n))
  } catch {
    return 0
  }
}

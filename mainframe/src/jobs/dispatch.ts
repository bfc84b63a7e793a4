// Placed jobs on their way to the worker, and what comes back. One Execute call
// carries a batch. A result is taken only from the stream that the attempt was
// sent on and only while that attempt is the current one; when the stream ends,
// what it still owed is lost and placed anew.

import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  type Attempt,
  AttemptSchema,
  type AttemptUpdate,
  type AttemptUpdate_Failure,
} from '@vorta/api'
import { type Clock, fromHex, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { ArtifactStore } from '../artifacts/artifact-store.ts'
import { cutText, readFailure } from '../cluster/reported.ts'
import type { InlineArtifact, LogIdentity } from '../cluster/session.ts'
import type { AdmittedEnclave, ClusterWorker } from '../cluster/worker.ts'
import { codeLabel, type Metrics } from '../metrics.ts'
import type { Mutation } from '../store/store.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { failed, isCurrent, type JobError, lost, running, starting } from './transitions.ts'

/** A result as it came from a worker: not believed yet. */
export type UnappraisedResult = {
  readonly job: LiveJob
  readonly attempt: number
  readonly enclave: AdmittedEnclave
  /** Canonical JSON of the DSSE envelope. */
  readonly envelope: Uint8Array
  readonly trace: Uint8Array
}

export type DispatchDeps = {
  readonly table: JobTable
  readonly artifacts: Pick<ArtifactStore, 'get'>
  readonly logIdentity: LogIdentity
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Puts a job back in line, at once or when its back-off is over. */
  readonly requeue: (job: LiveJob) => void
  readonly record: (worker: ClusterWorker, results: readonly UnappraisedResult[]) => void
}

// Artifacts up to this size travel with the batch instead of costing a round trip,
// as long as the whole batch stays small.
const inlineLimit = 64 * 1024
const inlineTotal = 8 * 1024 * 1024

// A result is held in memory until it is recorded, so a larger one is dropped at once.
const maxEnvelopeBytes = 128 * 1024
const maxTraceBytes = 1024 * 1024

type Sent = { readonly job: LiveJob; readonly attempt: number }

/** What one call carries, by uid. */
type Batch = ReadonlyMap<string, Sent>

export class Dispatch {
  private readonly deps: DispatchDeps
  private closed = false

  constructor(deps: DispatchDeps) {
    this.deps = deps
  }

  /** From now on attempts that break off are left as they are: the next start voids them at no cost. */
  close(): void {
    this.closed = true
  }

  async send(worker: ClusterWorker, jobs: readonly LiveJob[]): Promise<void> {
    const batch = new Map<string, Sent>()
    for (const job of jobs) {
      const { uid, state, attempt } = job.record
      if (state === 'PLACED') batch.set(uid, { job, attempt })
      else worker.release(uid)
    }
    const { session, enclave } = worker
    let failure: JobError = { code: 'WORKER_LOST', message: `the connection to ${worker.id} ended` }
    try {
      if (session && enclave && batch.size > 0) {
        const sent = [...batch.values()].map(({ job }) => job)
        const remainingMs =
          Math.max(...sent.map(({ record }) => record.expiresAt)) - this.deps.clock.now()
        const updateStream = session.execute(
          sent.map(attemptMessage),
          this.deps.logIdentity,
          await this.inlineArtifacts(worker, sent),
          remainingMs,
        )
        for await (const updates of updateStream) {
          await this.onUpdates(worker, enclave, batch, updates)
        }
        failure = { code: 'WORKER_LOST', message: `${worker.id} ended the batch without a result` }
      }
    } catch (thrown) {
      this.deps.log.info(
        { worker: worker.id, reason: cutText(VortaError.from(thrown).message, 500) },
        'batch broke off',
      )
    }
    await this.lose(worker, batch, failure)
  }

  /** Gives an attempt up: its worker is told, its room is free. */
  abandon(worker: ClusterWorker | undefined, job: LiveJob): void {
    worker?.release(job.record.uid)
    // Only a courtesy that saves the worker's time: the result would be refused anyway.
    worker?.session?.abort([job.record.uid]).catch(() => {})
  }

  private async inlineArtifacts(
    worker: ClusterWorker,
    jobs: readonly LiveJob[],
  ): Promise<InlineArtifact[]> {
    const wanted = new Set(jobs.flatMap(({ needs }) => needs.artifacts))
    const inline: InlineArtifact[] = []
    let total = 0
    for (const digest of wanted) {
      if (worker.cached.has(digest)) continue
      const data = await this.deps.artifacts.get(digest, inlineLimit)
      if (!data || total + data.length > inlineTotal) continue
      total += data.length
      inline.push({ digest, data })
    }
    return inline
  }

  private async onUpdates(
    worker: ClusterWorker,
    enclave: AdmittedEnclave,
    batch: Batch,
    updates: readonly AttemptUpdate[],
  ): Promise<void> {
    const { table, clock, metrics } = this.deps
    const mutations: Mutation[] = []
    const results: UnappraisedResult[] = []
    for (const { jobUid, number, update } of updates) {
      const sent = batch.get(jobUid)
      const job = sent?.job
      if (!job || sent.attempt !== number || job.recording || !isCurrent(job.record, number)) {
        // Given up meanwhile, answered already, or never sent on this stream.
        if (update.case === 'result') metrics.resultsRefused.inc({ code: 'ATTEMPT_FENCED' })
        continue
      }
      const now = clock.now()
      const { state } = job.record
      if (update.case === 'starting' && state === 'PLACED') {
        mutations.push(table.stage(job, starting(job.record, now)))
      } else if (update.case === 'running' && state !== 'RUNNING') {
        mutations.push(table.stage(job, running(job.record, now)))
      } else if (update.case === 'result') {
        const { envelope, trace } = update.value
        if (envelope.length > maxEnvelopeBytes || trace.length > maxTraceBytes) {
          metrics.resultsRefused.inc({ code: 'TOO_LARGE' })
          mutations.push(this.loseOne(worker, job, oversized(envelope.length, trace.length)))
          continue
        }
        job.recording = true
        results.push({ job, attempt: number, enclave, envelope, trace })
      } else if (update.case === 'failure') {
        mutations.push(this.onFailure(worker, job, update.value))
      }
    }
    const committed = table.commit(mutations)
    if (results.length > 0) this.deps.record(worker, results)
    await committed
  }

  private onFailure(worker: ClusterWorker, job: LiveJob, failure: AttemptUpdate_Failure): Mutation {
    const error = readFailure(failure)
    if (failure.retryable) return this.loseOne(worker, job, error)
    // The enclave decided: the job itself is at fault, not the worker.
    worker.release(job.record.uid)
    return this.deps.table.stage(job, failed(job.record, error, this.deps.clock.now()))
  }

  /** The attempt ended without a result; another may follow. */
  loseOne(worker: ClusterWorker, job: LiveJob, error: JobError): Mutation {
    const { table, clock, metrics } = this.deps
    worker.release(job.record.uid)
    worker.count('failed')
    metrics.attemptsLost.inc({ code: codeLabel(error.code) })
    const mutation = table.stage(job, lost(job.record, error, clock.now()))
    if (job.record.state === 'QUEUED') this.deps.requeue(job)
    return mutation
  }

  private async lose(worker: ClusterWorker, batch: Batch, error: JobError): Promise<void> {
    if (this.closed) return
    const owed = [...batch.values()].filter(
      ({ job, attempt }) => !job.recording && isCurrent(job.record, attempt),
    )
    await this.deps.table.commit(owed.map(({ job }) => this.loseOne(worker, job, error)))
  }
}

const oversized = (envelope: number, trace: number): JobError => ({
  code: 'TOO_LARGE',
  message: `result: an envelope of ${envelope} bytes and a trace of ${trace}`,
})

function attemptMessage({ record, spec, needs, release }: LiveJob): Attempt {
  return create(AttemptSchema, {
    jobUid: record.uid,
    job: `jobs/${record.id}`,
    number: record.attempt,
    token: fromHex(record.token ?? '') ?? new Uint8Array(),
    spec,
    artifacts: [...needs.artifacts],
    deadline: timestampFromMs(record.expiresAt),
    ...(release && { release }),
  })
}

// Placed jobs on their way to the worker, and what comes back. One Execute call
// carries a batch. A result is taken only from the stream that the attempt was
// sent on and only while that attempt is the current one; when the stream ends,
// what it still owed is lost and placed anew.

import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { type Attempt, AttemptSchema, type AttemptUpdate } from '@vorta/api'
import { type Clock, fromHex, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { ArtifactStore } from '../artifacts/artifact-store.ts'
import type { InlineArtifact, LogIdentity } from '../cluster/session.ts'
import type { AdmittedEnclave, ClusterWorker } from '../cluster/worker.ts'
import type { Metrics } from '../metrics.ts'
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

type Sent = { readonly job: LiveJob; readonly attempt: number }

export class Dispatch {
  private readonly deps: DispatchDeps

  constructor(deps: DispatchDeps) {
    this.deps = deps
  }

  async send(worker: ClusterWorker, jobs: readonly LiveJob[]): Promise<void> {
    const batch: Sent[] = jobs
      .filter((job) => job.record.state === 'PLACED')
      .map((job) => ({ job, attempt: job.record.attempt }))
    for (const job of jobs) if (job.record.state !== 'PLACED') worker.release(job.record.uid)
    const { session, enclave } = worker
    let failure: JobError = { code: 'WORKER_LOST', message: `the connection to ${worker.id} ended` }
    try {
      if (session && enclave) {
        const attempts = batch.map(({ job }) => attemptMessage(job))
        const inline = await this.inlineArtifacts(worker, batch)
        for await (const updates of session.execute(attempts, this.deps.logIdentity, inline)) {
          await this.onUpdates(worker, enclave, batch, updates)
        }
        failure = { code: 'WORKER_LOST', message: `${worker.id} ended the batch without a result` }
      }
    } catch (thrown) {
      this.deps.log.info(
        { worker: worker.id, reason: VortaError.from(thrown).message },
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
    batch: readonly Sent[],
  ): Promise<InlineArtifact[]> {
    const wanted = new Set(batch.flatMap(({ job }) => job.needs.artifacts))
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
    batch: readonly Sent[],
    updates: readonly AttemptUpdate[],
  ): Promise<void> {
    const { table, clock, metrics } = this.deps
    const mutations: Mutation[] = []
    const results: UnappraisedResult[] = []
    for (const { jobUid, number, update } of updates) {
      const job = batch.find(
        ({ job, attempt }) => job.record.uid === jobUid && attempt === number,
      )?.job
      if (!job || job.recording || !isCurrent(job.record, number)) {
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
        job.recording = true
        results.push({ job, attempt: number, enclave, ...update.value })
      } else if (update.case === 'failure') {
        mutations.push(this.onFailure(worker, job, update.value))
      }
    }
    const committed = table.commit(mutations)
    if (results.length > 0) this.deps.record(worker, results)
    await committed
  }

  private onFailure(
    worker: ClusterWorker,
    job: LiveJob,
    {
      code,
      message,
      hint,
      retryable,
    }: { code: string; message: string; hint: string; retryable: boolean },
  ): Mutation {
    const error = { code, message, ...(hint ? { hint } : {}) }
    if (retryable) return this.loseOne(worker, job, error)
    // The enclave decided: the job itself is at fault, not the worker.
    worker.release(job.record.uid)
    return this.deps.table.stage(job, failed(job.record, error, this.deps.clock.now()))
  }

  /** The attempt ended without a result; another may follow. */
  loseOne(worker: ClusterWorker, job: LiveJob, error: JobError): Mutation {
    const { table, clock, metrics } = this.deps
    worker.release(job.record.uid)
    worker.count('failed')
    metrics.attemptsLost.inc({ code: error.code })
    const mutation = table.stage(job, lost(job.record, error, clock.now()))
    if (job.record.state === 'QUEUED') this.deps.requeue(job)
    return mutation
  }

  private async lose(
    worker: ClusterWorker,
    batch: readonly Sent[],
    error: JobError,
  ): Promise<void> {
    const owed = batch.filter(
      ({ job, attempt }) => !job.recording && isCurrent(job.record, attempt),
    )
    await this.deps.table.commit(owed.map(({ job }) => this.loseOne(worker, job, error)))
  }
}

function attemptMessage({ record, spec, needs }: LiveJob): Attempt {
  return create(AttemptSchema, {
    jobUid: record.uid,
    job: `jobs/${record.id}`,
    number: record.attempt,
    token: fromHex(record.token ?? '') ?? new Uint8Array(),
    spec,
    artifacts: [...needs.artifacts],
    deadline: timestampFromMs(record.expiresAt),
  })
}

// The placed attempts that wait for their requester to release a key. An attempt
// that waits keeps its room on the worker and nothing else: no stream, no batch.
// It ends with the key, its own time-out, its job, or its worker's enclave.

import type { Clock } from '@vorta/core'
import type { WorkerCalls } from '../cluster/session.ts'
import type { AdmittedEnclave, ClusterWorker } from '../cluster/worker.ts'
import type { Metrics } from '../metrics.ts'
import type { EvidenceRecord } from '../records.ts'
import type { Mutation } from '../store/store.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { awaitingKey, isCurrent, type JobError } from './transitions.ts'

export type AwaitingKeyDeps = {
  readonly table: JobTable
  readonly clock: Clock
  readonly metrics: Metrics
  /** How long an attempt waits for its key, in milliseconds. */
  readonly timeoutMs: number
  /** Sees to it that the job's deadlines are looked at then. */
  readonly wakeAt: (uid: string, at: number) => void
  /** Gives an attempt up; another may follow. */
  readonly lose: (worker: ClusterWorker, job: LiveJob, error: JobError) => Mutation
}

export type Waiting = {
  readonly job: LiveJob
  readonly attempt: number
  readonly worker: ClusterWorker
  readonly session: WorkerCalls
  readonly enclave: AdmittedEnclave
  /** Evidence that was shown to the requester, the newest last, by digest. */
  readonly shown: Map<string, EvidenceRecord>
}

export class AwaitingKey {
  private readonly waiting = new Map<string, Waiting>()
  private readonly watched = new WeakSet<WorkerCalls>()
  private readonly deps: AwaitingKeyDeps

  constructor(deps: AwaitingKeyDeps) {
    this.deps = deps
  }

  /** Holds placed jobs of a worker back until their keys come. */
  async hold(worker: ClusterWorker, jobs: readonly LiveJob[]): Promise<void> {
    const { table, clock, timeoutMs, wakeAt, lose } = this.deps
    const { enclave, session } = worker
    const mutations: Mutation[] = []
    for (const job of jobs) {
      const { uid, attempt, state } = job.record
      if (state !== 'PLACED') {
        worker.release(uid)
      } else if (!enclave || !session) {
        mutations.push(lose(worker, job, connectionEnded(worker)))
      } else {
        const until = Math.min(clock.now() + timeoutMs, job.record.expiresAt)
        mutations.push(table.stage(job, awaitingKey(job.record, until, clock.now())))
        this.waiting.set(uid, { job, attempt, worker, session, enclave, shown: new Map() })
        wakeAt(uid, until)
        this.watch(worker, session)
      }
    }
    this.count()
    await table.commit(mutations)
  }

  /** The attempt of a job that waits now. */
  find(job: LiveJob | undefined): Waiting | undefined {
    const waiting = job && this.waiting.get(job.record.uid)
    return waiting && this.has(waiting) ? waiting : undefined
  }

  /** Whether this very attempt waits still. */
  has(waiting: Waiting): boolean {
    const { job, attempt } = waiting
    return this.waiting.get(job.record.uid) === waiting && isCurrent(job.record, attempt)
  }

  /** It waits no longer: the attempt is lost, and the job may be placed anew. */
  async giveUp(waiting: Waiting, error: JobError): Promise<void> {
    const { job, worker } = waiting
    const waits = this.has(waiting)
    if (this.waiting.get(job.record.uid) === waiting) this.forget(job)
    if (waits) await this.deps.table.commit([this.deps.lose(worker, job, error)])
  }

  /** It has its key, or has ended. */
  forget({ record }: LiveJob): void {
    this.waiting.delete(record.uid)
    this.count()
  }

  /** An attempt that waits has no stream whose end would tell that its worker is gone. */
  private watch(worker: ClusterWorker, session: WorkerCalls): void {
    if (this.watched.has(session)) return
    this.watched.add(session)
    const lost = async () => {
      const theirs = [...this.waiting.values()].filter((waiting) => waiting.session === session)
      for (const waiting of theirs) await this.giveUp(waiting, connectionEnded(worker))
    }
    this.deps.table.guard(session.closed.then(lost))
  }

  private count(): void {
    this.deps.metrics.jobsAwaitingKey.set(this.waiting.size)
  }
}

const connectionEnded = ({ id }: ClusterWorker): JobError => ({
  code: 'WORKER_LOST',
  message: `the connection to ${id} ended`,
})

// Ending jobs early: cancel, stop, and the deadlines that do it by themselves.

import { type Clock, fail } from '@vorta/core'
import type { Cluster } from '../cluster/cluster.ts'
import { isTerminal, type JobRecord } from '../records.ts'
import { Timers } from '../scheduler/timers.ts'
import type { Store } from '../store/store.ts'
import type { Dispatch } from './dispatch.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { cancelled, expired, failed, type Step, stopping } from './transitions.ts'

export type ControlDeps = {
  readonly table: JobTable
  readonly store: Pick<Store, 'job'>
  readonly cluster: Pick<Cluster, 'get'>
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly enqueue: (job: LiveJob) => void
}

const byRequest = { code: 'JOB_CANCELLED', message: 'cancelled by request' } as const
const keyTimeout = {
  code: 'KEY_RELEASE_TIMEOUT',
  message: 'the key of its sealed inputs was not released in time',
  hint: 'submit it with --wait, or release the key with `vorta-cli job release`',
} as const
const stopped = { code: 'JOB_CANCELLED', message: 'stopped by request' } as const

export class Control {
  private readonly timers: Timers
  private readonly deps: ControlDeps

  constructor(deps: ControlDeps) {
    this.deps = deps
    this.timers = new Timers(deps.clock, (uids) => {
      for (const uid of uids) deps.table.guard(this.due(uid))
    })
  }

  /** Watches over a job's deadline, and puts it in line now or when its back-off ends. */
  admit(job: LiveJob): void {
    this.timers.set(job.record.uid, job.record.expiresAt)
    this.requeue(job)
  }

  requeue(job: LiveJob): void {
    const { notBefore = 0, uid } = job.record
    if (notBefore > this.deps.clock.now()) this.timers.set(uid, notBefore)
    else this.deps.enqueue(job)
  }

  /** Has a job's deadlines looked at then. */
  wakeAt(uid: string, at: number): void {
    this.timers.set(uid, at)
  }

  async cancel(id: string, etag: string): Promise<JobRecord> {
    const job = this.live(id) ?? (await this.refuse(id))
    if (etag !== '' && etag !== String(job.record.version)) {
      throw fail('STORE_CONFLICT', `jobs/${id}: expected etag ${etag}, got ${job.record.version}`, {
        hints: ['get the job again'],
      })
    }
    return this.end(job, cancelled(job.record, byRequest, this.deps.clock.now()))
  }

  async stop(id: string, graceMs: number): Promise<JobRecord> {
    const job = this.live(id) ?? (await this.refuse(id))
    const now = this.deps.clock.now()
    if (job.record.state === 'QUEUED') return this.end(job, cancelled(job.record, stopped, now))
    const mutation = this.deps.table.stage(job, stopping(job.record, now + graceMs, now))
    const { record } = job
    await this.deps.table.commit([mutation])
    this.timers.set(record.uid, now + graceMs)
    return record
  }

  close(): void {
    this.timers.stop()
  }

  /** Without an await: what is found here must not end before the caller stages its transition. */
  private live(id: string): LiveJob | undefined {
    const job = this.deps.table.byId(id)
    return job && !isTerminal(job.record.state) ? job : undefined
  }

  private async refuse(id: string): Promise<never> {
    const ended = this.deps.table.byId(id)?.record.state
    const stored = await this.deps.store.job(id)
    if (!stored) throw fail('JOB_NOT_FOUND', `jobs/${id} does not exist`)
    // Memory is ahead of the disk while the end of a job is being written.
    throw fail('JOB_FINISHED', `jobs/${id} has ended: ${ended ?? stored.state}`)
  }

  private async end(job: LiveJob, step: Step): Promise<JobRecord> {
    const { cluster, dispatch, table } = this.deps
    const { worker } = job.record
    const mutation = table.stage(job, step)
    await table.commit([mutation])
    if (worker !== undefined) dispatch.abandon(cluster.get(worker), job)
    return step.job
  }

  private async due(uid: string): Promise<void> {
    const job = this.deps.table.get(uid)
    if (!job || isTerminal(job.record.state)) return
    const now = this.deps.clock.now()
    const { expiresAt, stopAt, awaitsKeyUntil, notBefore, state } = job.record
    if (now >= expiresAt) {
      const message = job.unplaced
        ? 'no worker fitted until the deadline'
        : 'did not end before its deadline'
      const hint = 'give it a longer timeout; `vorta-cli job explain` says what it waited for'
      await this.end(job, expired(job.record, { code: 'JOB_EXPIRED', message, hint }, now))
    } else if (stopAt !== undefined && now >= stopAt) {
      await this.end(job, cancelled(job.record, stopped, now))
    } else if (awaitsKeyUntil !== undefined && now >= awaitsKeyUntil) {
      await this.end(job, failed(job.record, keyTimeout, now))
    } else if (state === 'QUEUED' && now >= (notBefore ?? 0)) {
      this.deps.enqueue(job)
    }
  }
}

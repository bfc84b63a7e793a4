// The live jobs in memory and their way to disk. A transition takes effect in
// memory at once, so that the next decision sees it, and is answered to anyone
// only once it is on disk. A store that refuses a write of its only writer means
// that memory and disk have parted: the process stops and starts again from disk.

import type { ProofSpec, SealedInputs } from '@vorta/api'
import type { Clock } from '@vorta/core'
import { VortaError } from '@vorta/core'
import type { Metrics } from '../metrics.ts'
import { isTerminal, type JobRecord, type PlacementRecord } from '../records.ts'
import type { PlacementReport } from '../scheduler/place.ts'
import type { Requirements } from '../scheduler/plugin.ts'
import type { Mutation, RequestKey, Store } from '../store/store.ts'
import type { EventBus } from './event-bus.ts'
import type { Step } from './transitions.ts'

export type LiveJob = {
  record: JobRecord
  readonly spec: Uint8Array
  readonly proof: ProofSpec
  readonly needs: Requirements
  readonly sealed?: SealedInputs
  /** The release that the current attempt takes along. */
  release?: Uint8Array
  /** Why it could not be placed when it was last tried. */
  unplaced?: PlacementReport
  /** Its result is being appraised and logged; the attempt is not lost if the stream ends now. */
  recording?: boolean
}

export type JobTableDeps = {
  readonly store: Store
  readonly epoch: number
  readonly bus: EventBus
  readonly clock: Clock
  readonly metrics: Metrics
  /** Stops the process: memory can no longer be trusted. */
  readonly fatal: (error: VortaError) => void
}

export class JobTable {
  /** Called after a job's end is on disk. */
  onEnded: (job: LiveJob) => void = () => {}
  private readonly live = new Map<string, LiveJob>()
  private readonly uidById = new Map<string, string>()
  private readonly deps: JobTableDeps

  constructor(deps: JobTableDeps) {
    this.deps = deps
  }

  get size(): number {
    return this.live.size
  }

  get(uid: string): LiveJob | undefined {
    return this.live.get(uid)
  }

  byId(id: string): LiveJob | undefined {
    const uid = this.uidById.get(id)
    return uid === undefined ? undefined : this.live.get(uid)
  }

  values(): Iterable<LiveJob> {
    return this.live.values()
  }

  add(job: LiveJob): void {
    this.live.set(job.record.uid, job)
    this.uidById.set(job.record.id, job.record.uid)
    this.deps.metrics.jobsLive.inc({ state: job.record.state })
  }

  /** Stores a new job. Gives the uid of the job that the same request made before, if it did. */
  async create(
    job: LiveJob,
    event: Step['event'],
    request?: RequestKey,
  ): Promise<string | undefined> {
    const mutation: Mutation = {
      kind: 'create-job',
      job: job.record,
      spec: job.spec,
      events: [event],
      ...(request ? { request } : {}),
    }
    // No epoch: a submission needs no leader, and its refusals are the requester's business.
    const { events, repeated } = await this.deps.store.commit(null, [mutation])
    const before = repeated.get(0)
    if (before !== undefined) return before
    this.add(job)
    this.deps.metrics.jobsCreated.inc()
    this.deps.bus.publish(events)
    return undefined
  }

  /** Takes a transition into memory and gives the write that `commit` must be called with in the same turn. */
  stage(job: LiveJob, { job: next, event }: Step, placement?: PlacementRecord): Mutation {
    const { jobsLive } = this.deps.metrics
    jobsLive.dec({ state: job.record.state })
    if (!isTerminal(next.state)) jobsLive.inc({ state: next.state })
    job.record = next
    return { kind: 'update-job', job: next, events: [event], ...(placement ? { placement } : {}) }
  }

  /** Makes staged transitions durable, all or none, and then tells watchers. */
  async commit(mutations: readonly Mutation[]): Promise<void> {
    if (mutations.length === 0) return
    try {
      const { events } = await this.deps.store.commit(this.deps.epoch, mutations)
      this.deps.bus.publish(events)
    } catch (thrown) {
      const error = VortaError.from(thrown)
      this.deps.fatal(error)
      throw error
    }
    for (const mutation of mutations) {
      if (mutation.kind === 'update-job' && isTerminal(mutation.job.state)) this.end(mutation.job)
    }
  }

  /** For work that nobody waits for: its failure stops the process, as that of a commit does. */
  guard(work: Promise<unknown>): void {
    work.catch((thrown) => this.deps.fatal(VortaError.from(thrown)))
  }

  private end(record: JobRecord): void {
    const job = this.live.get(record.uid)
    if (!job) return
    this.live.delete(record.uid)
    this.uidById.delete(record.id)
    const { jobsEnded, jobSeconds } = this.deps.metrics
    jobsEnded.inc({ state: record.state, verdict: record.verdict ?? '' })
    if (record.state === 'SUCCEEDED')
      jobSeconds.observe(((record.endedAt ?? 0) - record.createdAt) / 1000)
    this.onEnded(job)
  }
}

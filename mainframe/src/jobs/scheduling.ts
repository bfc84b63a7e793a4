// Which job next, and where to: rounds of placements over the jobs that wait.
// Jobs with the same needs form a class; when the first of a class fits nowhere,
// its followers need not be tried until capacity changes.

import { type Clock, type Random, toHex } from '@vorta/core'
import type { Cluster } from '../cluster/cluster.ts'
import type { ClusterWorker } from '../cluster/worker.ts'
import type { Metrics } from '../metrics.ts'
import { type PlacementReport, place, summarize } from '../scheduler/place.ts'
import type { Requirements, ScorePlugin } from '../scheduler/plugin.ts'
import { JobQueue, type Queued } from '../scheduler/queue.ts'
import type { Mutation } from '../store/store.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { placed, unplaceable } from './transitions.ts'

export type SchedulingDeps = {
  readonly table: JobTable
  readonly cluster: Pick<Cluster, 'get' | 'all'>
  readonly plugins: readonly ScorePlugin[]
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  /** Takes over jobs whose placement is on disk. */
  readonly dispatch: (worker: ClusterWorker, jobs: readonly LiveJob[]) => void
}

// Placements per turn of the event loop: about 5 ms of work, then others get their turn.
const roundSize = 256

// A fencing token is 16 random bytes.
const tokenLength = 16

type WaitingClass = { readonly queue: JobQueue; blocked: boolean }

const classOf = ({ artifacts: _any, ...needs }: Requirements): string => JSON.stringify(needs)

export class Scheduling {
  private readonly classes = new Map<string, WaitingClass>()
  private scheduled = false
  private closed = false
  private readonly deps: SchedulingDeps

  constructor(deps: SchedulingDeps) {
    this.deps = deps
  }

  enqueue(job: LiveJob): void {
    const key = classOf(job.needs)
    const waiting = this.classes.get(key) ?? { queue: new JobQueue(), blocked: false }
    this.classes.set(key, waiting)
    waiting.queue.push({ uid: job.record.uid, priority: job.record.priority })
    this.kick()
  }

  /** A worker joined, gained room or changed its state. */
  capacityChanged(): void {
    if (this.classes.size === 0) return
    for (const waiting of this.classes.values()) waiting.blocked = false
    this.kick()
  }

  placeOnPaper(job: LiveJob): PlacementReport {
    return this.decide(job, this.views())
  }

  /** No more rounds: what waits goes on waiting. */
  close(): void {
    this.closed = true
  }

  private kick(): void {
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      if (!this.closed) this.deps.table.guard(this.round())
    })
  }

  private async round(): Promise<void> {
    const views = this.views()
    const batches = new Map<ClusterWorker, LiveJob[]>()
    const mutations: Mutation[] = []
    for (let tried = 0; tried < roundSize; tried++) {
      const next = this.next()
      if (!next) break
      if (tried === roundSize - 1) this.kick()
      const { job, waiting } = next
      const report = this.decide(job, views)
      const worker = report.worker === undefined ? undefined : this.deps.cluster.get(report.worker)
      if (!worker) {
        waiting.blocked = true
        waiting.queue.push(next.entry)
        mutations.push(...this.noteUnplaced(job, report))
        continue
      }
      mutations.push(this.assign(job, worker, report))
      const batch = batches.get(worker) ?? []
      batches.set(worker, batch)
      batch.push(job)
    }
    await this.deps.table.commit(mutations)
    for (const [worker, jobs] of batches) this.deps.dispatch(worker, jobs)
  }

  /** The most urgent job of all classes that may have a chance. */
  private next(): { job: LiveJob; entry: Queued; waiting: WaitingClass } | undefined {
    for (;;) {
      let best: WaitingClass | undefined
      for (const [key, waiting] of this.classes) {
        if (waiting.queue.size === 0) this.classes.delete(key)
        else if (!waiting.blocked && (!best || waiting.queue.isBefore(best.queue))) best = waiting
      }
      const entry = best?.queue.pop()
      if (!best || !entry) return undefined
      const job = this.deps.table.get(entry.uid)
      // Cancelled or expired while it waited: the queue learns of it here.
      if (job?.record.state === 'QUEUED') return { job, entry, waiting: best }
    }
  }

  private views() {
    return this.deps.cluster.all().map((worker) => worker.view())
  }

  private decide(job: LiveJob, views: ReturnType<ClusterWorker['view']>[]): PlacementReport {
    const { plugins, clock, metrics } = this.deps
    const stop = metrics.placementSeconds.startTimer()
    const report = place(job.needs, views, plugins, {
      attempt: job.record.attempt + 1,
      time: clock.now(),
    })
    stop()
    metrics.placements.inc({ outcome: report.worker === undefined ? 'unplaceable' : 'placed' })
    for (const [reason, count] of Object.entries(report.refused))
      metrics.filtered.inc({ reason }, count)
    return report
  }

  private assign(job: LiveJob, worker: ClusterWorker, report: PlacementReport): Mutation {
    const { clock, random, table } = this.deps
    worker.reserve(job.record.uid, job.needs)
    delete job.unplaced
    const placement = {
      worker: worker.id,
      token: toHex(random(tokenLength)),
      summary: summarize(report),
    }
    const step = placed(job.record, placement, clock.now())
    const { uid, attempt } = step.job
    return table.stage(job, step, { jobUid: uid, attempt, report: JSON.stringify(report) })
  }

  /** Tells once, and again only when the reasons change. */
  private noteUnplaced(job: LiveJob, report: PlacementReport): Mutation[] {
    const told = job.unplaced && summarize(job.unplaced) === summarize(report)
    job.unplaced = report
    if (told) return []
    const step = unplaceable(job.record, summarize(report), report.time)
    const { attempt } = report
    const placement = { jobUid: job.record.uid, attempt, report: JSON.stringify(report) }
    return [this.deps.table.stage(job, step, placement)]
  }
}

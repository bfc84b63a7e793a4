// After a restart: every live job is taken up again. Attempts that were out are
// void, because their connections are: their tokens are dropped, and the jobs
// wait for a new attempt that costs them nothing.

import type { Clock } from '@vorta/core'
import type { Mutation, Store } from '../store/store.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { specMessage, validateSpec } from './spec.ts'
import { lost } from './transitions.ts'

export type RecoveryDeps = {
  readonly store: Pick<Store, 'load'>
  readonly table: JobTable
  readonly clock: Clock
  readonly admit: (job: LiveJob) => void
}

// Bounds one transaction of a large recovery.
const batchSize = 1000

const restarted = { code: 'WORKER_LOST', message: 'the mainframe restarted' } as const

/** Gives the number of live jobs. */
export async function recoverJobs({ store, table, clock, admit }: RecoveryDeps): Promise<number> {
  const jobs: LiveJob[] = []
  for await (const { job: record, spec } of store.load()) {
    const { requirements: needs, proof, sealed } = validateSpec(specMessage(spec))
    const job: LiveJob = { record, spec, proof, needs, ...(sealed && { sealed }) }
    table.add(job)
    jobs.push(job)
  }
  for (let at = 0; at < jobs.length; at += batchSize) {
    const mutations: Mutation[] = jobs
      .slice(at, at + batchSize)
      .filter((job) => job.record.state !== 'QUEUED')
      .map((job) => table.stage(job, lost(job.record, restarted, clock.now(), true)))
    await table.commit(mutations)
  }
  for (const job of jobs) if (job.record.state === 'QUEUED') admit(job)
  return jobs.length
}

// The life of a job, as pure functions from one row to the next. Times, tokens
// and reasons are inputs; nothing here looks at a clock or a worker.

import { fail, toRfc3339 } from '@vorta/core'
import type { JobRecord, JobState, KeyReleaseRecord, NewEvent } from '../records.ts'
import { isTerminal } from '../records.ts'

export type Step = { readonly job: JobRecord; readonly event: NewEvent }

type Change = Partial<Omit<JobRecord, 'uid' | 'id' | 'version'>>

const ends = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED'] as const

/** The state machine: where each state may lead. A final state leads nowhere. */
const arrows: Readonly<Record<JobState, readonly JobState[]>> = {
  QUEUED: ['PLACED', 'CANCELLED', 'EXPIRED'],
  // Updates come in batches, so a worker may be ahead of what it has told.
  PLACED: ['STARTING', 'RUNNING', 'QUEUED', ...ends],
  STARTING: ['RUNNING', 'QUEUED', ...ends],
  RUNNING: ['QUEUED', ...ends],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
  EXPIRED: [],
}

/** Throws INTERNAL for an arrow that the machine does not have: the caller is at fault, not the job. */
function step(job: JobRecord, change: Change, type: string, message: string, time: number): Step {
  const allowed = change.state ? arrows[job.state].includes(change.state) : !isTerminal(job.state)
  if (!allowed) throw fail('INTERNAL', `job ${job.uid}: ${type} is not possible in ${job.state}`)
  const next: JobRecord = { ...job, ...change, version: job.version + 1 }
  return { job: next, event: eventOf(next, type, message, time) }
}

export const eventOf = (job: JobRecord, type: string, message: string, time: number): NewEvent => ({
  jobUid: job.uid,
  jobId: job.id,
  attempt: job.attempt,
  type,
  state: job.state,
  message,
  time,
})

/** No worker fits at present; it goes on waiting. */
export const unplaceable = (job: JobRecord, summary: string, time: number): Step =>
  step(job, {}, 'Unplaceable', summary, time)

export function placed(
  job: JobRecord,
  placement: { readonly worker: string; readonly token: string; readonly summary: string },
  time: number,
): Step {
  const { worker, token } = placement
  const change: Change = { state: 'PLACED', worker, token, attempt: job.attempt + 1 }
  return step(
    job,
    change,
    'Placed',
    `attempt ${job.attempt + 1} on workers/${worker}: ${placement.summary}`,
    time,
  )
}

export const starting = (job: JobRecord, time: number): Step =>
  step(
    job,
    { state: 'STARTING' },
    'Starting',
    `workers/${job.worker} makes the inputs present`,
    time,
  )

/** Its inputs are sealed: the enclave waits for the requester to release the key. */
export const awaitingKey = (job: JobRecord, until: number, time: number): Step =>
  step(
    job,
    { awaitsKeyUntil: until },
    'AwaitingKeyRelease',
    `the enclave of workers/${job.worker} waits for the key until ${toRfc3339(until)}`,
    time,
  )

export function keyReleased(job: JobRecord, release: KeyReleaseRecord, time: number): Step {
  const { awaitsKeyUntil: _over, ...released } = job
  const message = `release ${release.sha256} is entry ${release.index} of the log`
  return step(released, { release }, 'KeyReleased', message, time)
}

export const running = (job: JobRecord, time: number): Step =>
  step(job, { state: 'RUNNING', startedAt: time }, 'Running', 'the enclave is at work', time)

export type Outcome = {
  readonly verdict: 'valid' | 'invalid'
  readonly code?: string
  readonly receiptIndex: number
  readonly tee: 'sgx' | 'tdx' | 'simulated'
}

export function succeeded(job: JobRecord, outcome: Outcome, time: number): Step {
  const { verdict, code, receiptIndex, tee } = outcome
  const change: Change = {
    state: 'SUCCEEDED',
    verdict,
    receiptIndex,
    tee,
    endedAt: time,
    ...(code === undefined ? {} : { verdictCode: code }),
  }
  const why = code === undefined ? '' : ` (${code})`
  const tier = tee === 'simulated' ? ', SIMULATED' : ''
  return step(
    job,
    change,
    'Succeeded',
    `the proof is ${verdict}${why}; receipt ${receiptIndex}${tier}`,
    time,
  )
}

export type JobError = { readonly code: string; readonly message: string; readonly hint?: string }

const ended = (state: JobState, type: string) => (job: JobRecord, error: JobError, time: number) =>
  step(job, { state, error, endedAt: time }, type, `${error.code}: ${error.message}`, time)

export const failed = ended('FAILED', 'Failed')
export const cancelled = ended('CANCELLED', 'Cancelled')
export const expired = ended('EXPIRED', 'Expired')

/** Asked to stop: it may finish until `stopAt`, and is not tried again. */
export const stopping = (job: JobRecord, stopAt: number, time: number): Step =>
  step(job, { stopAt }, 'Stopping', 'a stop was asked for', time)

// Back-off of a lost attempt: 100 ms doubling to 10 s, as long as attempts last.
const firstBackoffMs = 100
const longestBackoffMs = 10_000

/**
 * An attempt ended without a result. Retried while attempts are left; `blameless` (the
 * mainframe itself restarted) costs none. A key release is kept where the enclave may never have
 * seen it; that it had, and used it up, is found out later and costs no attempt either.
 */
export function lost(job: JobRecord, error: JobError, time: number, blameless = false): Step {
  const usedUp = job.release !== undefined && error.code === 'RELEASE_USED_UP'
  const forgiven = blameless || usedUp
  const failures = job.failures + (forgiven ? 0 : 1)
  if (job.stopAt !== undefined)
    return cancelled(job, { code: 'JOB_CANCELLED', message: 'stopped by request' }, time)
  if (failures >= job.maxAttempts) return failed({ ...job, failures }, error, time)
  const notBefore = forgiven
    ? time
    : time + Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1))
  const { token: _fenced, awaitsKeyUntil: _over, release, ...unfenced } = job
  const kept = release && error.code === 'WORKER_LOST' ? { release } : {}
  return step(
    { ...unfenced, ...kept },
    { state: 'QUEUED', failures, notBefore },
    'Requeued',
    `${error.code}: ${error.message}`,
    time,
  )
}

/** Whether a result of this attempt is still wanted. */
export const isCurrent = (job: JobRecord, attempt: number): boolean =>
  !isTerminal(job.state) && job.attempt === attempt && job.token !== undefined

// The parts that move jobs, put together: submission and scheduling in front,
// dispatch and recording behind, control beside. They know each other only
// through the functions handed over here.

import type { Crypto, Random } from '@vorta/core'
import type { ScorePlugin } from '../scheduler/plugin.ts'
import { scores } from '../scheduler/scores.ts'
import { AwaitingKey } from './awaiting-key.ts'
import { Control, type ControlDeps } from './control.ts'
import { Dispatch, type DispatchDeps } from './dispatch.ts'
import { KeyReleases, type KeyReleasesDeps } from './key-releases.ts'
import { Recorder, type RecorderDeps } from './recorder.ts'
import { recoverJobs } from './recovery.ts'
import { Scheduling, type SchedulingDeps } from './scheduling.ts'
import { createSubmission, type SubmissionDeps } from './submission.ts'

type Store = ControlDeps['store'] &
  KeyReleasesDeps['store'] &
  SubmissionDeps['store'] &
  Parameters<typeof recoverJobs>[0]['store']
type Artifacts = DispatchDeps['artifacts'] & RecorderDeps['artifacts'] & SubmissionDeps['artifacts']

export type JobEngineDeps = {
  readonly store: Store
  readonly table: DispatchDeps['table']
  readonly cluster: SchedulingDeps['cluster'] & ControlDeps['cluster'] & KeyReleasesDeps['cluster']
  readonly artifacts: Artifacts
  readonly transparencyLog: RecorderDeps['log']
  readonly logIdentity: DispatchDeps['logIdentity']
  /** How long an attempt waits for the key of its sealed inputs, in milliseconds. */
  readonly keyTimeoutMs: number
  readonly plugins?: readonly ScorePlugin[]
  readonly crypto: Crypto
  readonly clock: DispatchDeps['clock']
  readonly random: Random
  readonly log: DispatchDeps['log']
  readonly metrics: DispatchDeps['metrics']
}

export type JobEngine = Awaited<ReturnType<typeof startJobEngine>>

/** Takes up the live jobs of the store, and begins. */
export async function startJobEngine(deps: JobEngineDeps) {
  const { table, cluster, store, artifacts, logIdentity, crypto, clock, random, log, metrics } =
    deps
  const dispatch: Dispatch = new Dispatch({
    table,
    artifacts,
    logIdentity,
    clock,
    log,
    metrics,
    requeue: (job) => control.requeue(job),
    record: (worker, results) => recorder.add(worker, results),
  })
  const recorder = new Recorder({
    table,
    log: deps.transparencyLog,
    logIdentity,
    artifacts,
    crypto,
    clock,
    logger: log,
    metrics,
    refuse: (worker, job, error) => dispatch.loseOne(worker, job, error),
  })
  const scheduling = new Scheduling({
    table,
    cluster,
    plugins: deps.plugins ?? scores,
    clock,
    random,
    metrics,
    dispatch: (worker, jobs) => table.guard(releases.route(worker, jobs)),
  })
  const awaiting = new AwaitingKey({
    table,
    clock,
    metrics,
    timeoutMs: deps.keyTimeoutMs,
    wakeAt: (uid, at) => control.wakeAt(uid, at),
    lose: (worker, job, error) => dispatch.loseOne(worker, job, error),
  })
  const releases = new KeyReleases({
    table,
    store,
    cluster,
    awaiting,
    log: deps.transparencyLog,
    crypto,
    clock,
    metrics,
    send: (worker, jobs) => table.guard(dispatch.send(worker, jobs)),
  })
  const control: Control = new Control({
    table,
    store,
    cluster,
    dispatch,
    clock,
    enqueue: (job) => scheduling.enqueue(job),
  })
  const submit = createSubmission({
    table,
    store,
    artifacts,
    crypto,
    clock,
    random,
    enqueue: (job) => control.admit(job),
    placeOnPaper: (job) => scheduling.placeOnPaper(job),
  })
  table.onEnded = (job) => {
    releases.ended(job)
    scheduling.capacityChanged()
  }
  const recovered = await recoverJobs({ store, table, clock, admit: (job) => control.admit(job) })

  return {
    dispatch,
    recorder,
    scheduling,
    control,
    releases,
    submit,
    /** Live jobs that were taken up. */
    recovered,
    /** Nothing new begins. What was recorded so far still ends: `recorder.idle()`. */
    close() {
      scheduling.close()
      control.close()
      dispatch.close()
    },
  }
}

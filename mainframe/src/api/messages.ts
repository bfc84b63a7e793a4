// From rows to messages. Nothing is decided here.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  type ConditionSchema,
  type Job,
  Job_State,
  type JobEvent,
  JobEventSchema,
  JobSchema,
  type PlacementReport as PlacementMessage,
  PlacementReportSchema,
  type TcbForecastSchema,
  type Worker,
  Worker_State,
  WorkerSchema,
} from '@vorta/api'
import { toRfc3339 } from '@vorta/core'
import type { Forecast } from '../attestation/forecast.ts'
import type { ClusterWorker, WorkerState } from '../cluster/worker.ts'
import { specMessage } from '../jobs/spec.ts'
import type { EventRecord, JobRecord, JobState } from '../records.ts'
import type { PlacementReport } from '../scheduler/place.ts'

const states: Readonly<Record<JobState, Job_State>> = {
  QUEUED: Job_State.QUEUED,
  PLACED: Job_State.PLACED,
  STARTING: Job_State.STARTING,
  RUNNING: Job_State.RUNNING,
  SUCCEEDED: Job_State.SUCCEEDED,
  FAILED: Job_State.FAILED,
  CANCELLED: Job_State.CANCELLED,
  EXPIRED: Job_State.EXPIRED,
}

const workerStates: Readonly<Record<WorkerState, Worker_State>> = {
  READY: Worker_State.READY,
  DRAINING: Worker_State.DRAINING,
  LOST: Worker_State.LOST,
  NOT_READY: Worker_State.NOT_READY,
}

/** Leaves out what is undefined, as message initialisers want it. */
const time = (name: string, ms: number | undefined) =>
  ms === undefined ? {} : { [name]: timestampFromMs(ms) }

export function jobMessage(record: JobRecord, spec: Uint8Array, unplaced?: string): Job {
  const { error } = record
  return create(JobSchema, {
    name: `jobs/${record.id}`,
    uid: record.uid,
    state: states[record.state],
    spec: specMessage(spec),
    specSha256: record.specSha256,
    attempt: record.attempt,
    worker: record.worker === undefined ? '' : `workers/${record.worker}`,
    verdict: record.verdict ?? '',
    verdictCode: record.verdictCode ?? '',
    ...(record.receiptIndex === undefined ? {} : { receiptIndex: BigInt(record.receiptIndex) }),
    tee: record.tee ?? '',
    errorCode: error?.code ?? '',
    errorMessage: error?.message ?? '',
    errorHint: error?.hint ?? '',
    conditions: conditionsOf(record, unplaced),
    etag: String(record.version),
    ...time('createTime', record.createdAt),
    ...time('startTime', record.startedAt),
    ...time('endTime', record.endedAt),
    ...time('expireTime', record.expiresAt),
  })
}

function conditionsOf(
  { state, worker, awaitsKeyUntil }: JobRecord,
  unplaced?: string,
): MessageInitShape<typeof ConditionSchema>[] {
  if (state === 'QUEUED' && unplaced !== undefined) {
    return [{ type: 'Placed', status: false, reason: 'NO_WORKER_FITS', message: unplaced }]
  }
  if (state === 'PLACED' && awaitsKeyUntil !== undefined) {
    const message = `the enclave of workers/${worker} waits for the key until ${toRfc3339(awaitsKeyUntil)}`
    return [{ type: 'KeyReleased', status: false, reason: 'AWAITING_KEY_RELEASE', message }]
  }
  return []
}

export const eventMessage = (event: EventRecord): JobEvent =>
  create(JobEventSchema, {
    sequence: BigInt(event.sequence),
    job: `jobs/${event.jobId}`,
    attempt: event.attempt,
    type: event.type,
    state: states[event.state],
    message: event.message,
    time: timestampFromMs(event.time),
  })

export const placementMessage = (report: PlacementReport): PlacementMessage =>
  create(PlacementReportSchema, {
    attempt: report.attempt,
    evaluated: report.evaluated,
    feasible: report.feasible,
    refused: { ...report.refused },
    worker: report.worker === undefined ? '' : `workers/${report.worker}`,
    candidates: report.candidates.map((candidate) => ({
      worker: `workers/${candidate.worker}`,
      filteredBy: candidate.filteredBy ?? '',
      reason: candidate.refusal?.reason ?? '',
      message: candidate.refusal?.message ?? '',
      score: candidate.score ?? 0,
      terms: [...(candidate.terms ?? [])],
    })),
    time: timestampFromMs(report.time),
  })

const forecastMessage = (forecast: Forecast): MessageInitShape<typeof TcbForecastSchema> => ({
  ...time('deadline', forecast.deadline),
  estimated: forecast.estimated,
  tcbStatus: forecast.status,
  tcbEvaluationDataNumber: forecast.evaluationNumber,
  advisoryIds: [...forecast.advisoryIds],
  shortfalls: forecast.shortfalls.map((shortfall) => ({ ...shortfall })),
  time: timestampFromMs(forecast.time),
})

export function workerMessage(worker: ClusterWorker): Worker {
  const { record, tee, usage, appraisal, enclave, refusal } = worker
  return create(WorkerSchema, {
    name: `workers/${record.id}`,
    state: workerStates[worker.state],
    version: worker.version,
    succeeded: BigInt(record.succeeded),
    failed: BigInt(record.failed),
    latencyMs: worker.latencyMs,
    ...(tee ? { tee } : {}),
    ...(usage ? { usage } : {}),
    ...(appraisal
      ? {
          attestation: {
            evidenceSha256: appraisal.sha256,
            accepted: appraisal.accepted,
            tcbStatus: appraisal.status,
            simulated: appraisal.simulated,
            errorCode: appraisal.code ?? '',
            ...time('appraiseTime', appraisal.time),
            ...time('expireTime', enclave?.expiresAt),
          },
        }
      : {}),
    ...(refusal
      ? {
          attestation: { errorCode: refusal.code, ...time('appraiseTime', refusal.time) },
        }
      : {}),
    ...(worker.forecast ? { forecast: forecastMessage(worker.forecast) } : {}),
    cordonReason: worker.cordonReason ?? '',
    ...time('createTime', record.createdAt),
    ...time('heartbeatTime', worker.heartbeatAt || undefined),
  })
}

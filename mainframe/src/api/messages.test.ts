import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { Job_State, JobSchema, PlacementReportSchema, Worker_State, WorkerSchema } from '@vorta/api'
import { ClusterWorker } from '../cluster/worker.ts'
import { validateSpec } from '../jobs/spec.ts'
import { jobStates } from '../records.ts'
import { place } from '../scheduler/place.ts'
import { scores } from '../scheduler/scores.ts'
import { jobRecord } from '../store/conformance/fixtures.ts'
import { testConnection } from '../testkit/connection.ts'
import { testSpec } from '../testkit/parts.ts'
import { testNeeds, testView } from '../testkit/views.ts'
import { eventMessage, jobMessage, placementMessage, workerMessage } from './messages.ts'

const spec = validateSpec(testSpec()).canonical

suite('messages', () => {
  test('show a job as its row is, and survive the wire', () => {
    const record = jobRecord(1, {
      state: 'SUCCEEDED',
      attempt: 2,
      worker: 'w1',
      verdict: 'invalid',
      verdictCode: 'PAIRING_MISMATCH',
      receiptIndex: 0,
      tee: 'simulated',
      startedAt: 5000,
      endedAt: 6000,
    })
    const message = jobMessage(record, spec)
    assert.equal(message.name, 'jobs/job-1')
    assert.equal(message.worker, 'workers/w1')
    assert.equal(message.receiptIndex, 0n, 'index 0 is an index')
    assert.equal(message.etag, '1')
    assert.equal(message.endTime && timestampMs(message.endTime), 6000)
    assert.equal(message.spec?.work.case, 'proof')
    assert.deepEqual(fromBinary(JobSchema, toBinary(JobSchema, message)), message)
  })

  test('show every state by its name', () => {
    for (const state of jobStates) {
      const shown = jobMessage(jobRecord(1, { state }), spec).state
      assert.equal(shown, Job_State[state])
      const event = { jobUid: 'j', jobId: 'a', attempt: 0, type: 'X', state, message: '', time: 0 }
      assert.equal(eventMessage({ ...event, sequence: 1 }).state, shown)
    }
  })

  test('say why a job waits, as long as it waits', () => {
    const waiting = jobMessage(jobRecord(1), spec, '0 feasible')
    assert.equal(waiting.receiptIndex, undefined)
    assert.deepEqual(
      waiting.conditions.map(({ type, status, reason, message }) => ({
        type,
        status,
        reason,
        message,
      })),
      [{ type: 'Placed', status: false, reason: 'NO_WORKER_FITS', message: '0 feasible' }],
    )
    assert.deepEqual(jobMessage(jobRecord(1, { state: 'PLACED' }), spec, 'x').conditions, [])
    const held = jobRecord(1, { state: 'PLACED', worker: 'w1', awaitsKeyUntil: 60_000 })
    const { type, reason, message } = jobMessage(held, spec).conditions[0] ?? {}
    assert.deepEqual([type, reason], ['KeyReleased', 'AWAITING_KEY_RELEASE'])
    assert.match(message ?? '', /workers\/w1 waits for the key until 1970-01-01T00:01:00Z/)
    assert.deepEqual(jobMessage({ ...held, state: 'FAILED' }, spec).conditions, [])
  })

  test('show an error with its hint', () => {
    const error = { code: 'WORKER_LOST', message: 'gone', hint: 'wait' }
    const { errorCode, errorMessage, errorHint } = jobMessage(jobRecord(1, { error }), spec)
    assert.deepEqual([errorCode, errorMessage, errorHint], ['WORKER_LOST', 'gone', 'wait'])
  })

  test('show a placement with the terms of its scores', () => {
    const workers = [testView('w1'), testView('w2', { ready: false })]
    const report = place(testNeeds(), workers, scores, { attempt: 1, time: 1000 })
    const message = placementMessage(report)
    assert.equal(message.worker, 'workers/w1')
    assert.deepEqual(message.refused, { WORKER_NOT_READY: 1 })
    assert.equal(message.candidates[0]?.terms.length, scores.length)
    assert.equal(message.candidates[1]?.filteredBy, 'WorkerReady')
    assert.deepEqual(
      fromBinary(PlacementReportSchema, toBinary(PlacementReportSchema, message)),
      message,
    )
    // As it is stored and read back.
    assert.deepEqual(placementMessage(JSON.parse(JSON.stringify(report))), message)
  })

  test('show a worker in each of its states', () => {
    const worker = new ClusterWorker({ id: 'w1', createdAt: 1000, succeeded: 2, failed: 1 })
    const shown = () => workerMessage(worker).state
    assert.equal(shown(), Worker_State.LOST)
    worker.session = testConnection()
    assert.equal(shown(), Worker_State.NOT_READY)
    worker.enclaveReady = true
    const enclave = { spki: new Uint8Array(), evidenceSha256: '', expiresAt: 9000 }
    worker.enclave = { generation: 0n, tee: 'simulated', ...enclave }
    assert.equal(shown(), Worker_State.READY)
    worker.generation = 1n
    assert.equal(shown(), Worker_State.NOT_READY, 'a new enclave is not the one that was accepted')
    worker.draining = true
    assert.equal(shown(), Worker_State.DRAINING)
    const message = workerMessage(worker)
    assert.deepEqual([message.succeeded, message.failed], [2n, 1n])
    assert.equal(message.heartbeatTime, undefined)
    assert.deepEqual(fromBinary(WorkerSchema, toBinary(WorkerSchema, message)), message)
  })
})

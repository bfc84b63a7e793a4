import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { isTerminal, type JobRecord, type JobState, jobStates } from '../records.ts'
import { jobRecord } from '../store/conformance/fixtures.ts'
import {
  cancelled,
  expired,
  failed,
  isCurrent,
  lost,
  placed,
  running,
  type Step,
  starting,
  stopping,
  succeeded,
  unplaceable,
} from './transitions.ts'

const now = 1_000_000
const error = { code: 'WORKER_LOST', message: 'gone' }
const placement = { worker: 'w1', token: 'ab'.repeat(16), summary: '1 evaluated' }

const moves: Record<string, (job: JobRecord) => Step> = {
  unplaceable: (job) => unplaceable(job, '0 feasible', now),
  placed: (job) => placed(job, placement, now),
  starting: (job) => starting(job, now),
  running: (job) => running(job, now),
  succeeded: (job) => succeeded(job, { verdict: 'valid', receiptIndex: 7, tee: 'simulated' }, now),
  stopping: (job) => stopping(job, now + 5, now),
  lost: (job) => lost(job, error, now),
  failed: (job) => failed(job, error, now),
  cancelled: (job) => cancelled(job, error, now),
  expired: (job) => expired(job, error, now),
}

/** All arrows there are: from each state, where each move leads. */
const machine: Record<JobState, Record<string, JobState>> = {
  QUEUED: {
    unplaceable: 'QUEUED',
    placed: 'PLACED',
    stopping: 'QUEUED',
    cancelled: 'CANCELLED',
    expired: 'EXPIRED',
  },
  PLACED: {
    unplaceable: 'PLACED',
    starting: 'STARTING',
    running: 'RUNNING',
    succeeded: 'SUCCEEDED',
    stopping: 'PLACED',
    lost: 'QUEUED',
    failed: 'FAILED',
    cancelled: 'CANCELLED',
    expired: 'EXPIRED',
  },
  STARTING: {
    unplaceable: 'STARTING',
    running: 'RUNNING',
    succeeded: 'SUCCEEDED',
    stopping: 'STARTING',
    lost: 'QUEUED',
    failed: 'FAILED',
    cancelled: 'CANCELLED',
    expired: 'EXPIRED',
  },
  RUNNING: {
    unplaceable: 'RUNNING',
    succeeded: 'SUCCEEDED',
    stopping: 'RUNNING',
    lost: 'QUEUED',
    failed: 'FAILED',
    cancelled: 'CANCELLED',
    expired: 'EXPIRED',
  },
  SUCCEEDED: {},
  FAILED: {},
  CANCELLED: {},
  EXPIRED: {},
}

suite('the state machine', () => {
  for (const from of jobStates) {
    for (const [name, move] of Object.entries(moves)) {
      const to = machine[from][name]
      test(`${from}: ${name} ${to ? `leads to ${to}` : 'is impossible'}`, () => {
        const job = jobRecord(1, { state: from, version: 4, attempt: 1 })
        if (!to) {
          assert.throws(() => move(job), { code: 'INTERNAL' })
          return
        }
        const { job: next, event } = move(job)
        assert.equal(next.state, to)
        assert.equal(next.version, 5)
        assert.equal(event.state, to)
        assert.equal(event.time, now)
        assert.equal(event.jobUid, job.uid)
        assert.equal(job.state, from, 'the row before is untouched')
        assert.equal(next.endedAt, isTerminal(to) ? now : undefined)
      })
    }
  }

  test('keeps its invariants on every walk', () => {
    const anyMove = fc.constantFrom(...Object.values(moves))
    fc.assert(
      fc.property(fc.array(anyMove, { maxLength: 40 }), (walk) => {
        let job = jobRecord(1)
        for (const move of walk) {
          const before = job
          try {
            job = move(job).job
          } catch {
            continue // impossible from here
          }
          assert.ok(!isTerminal(before.state), 'a final state absorbs')
          assert.equal(job.version, before.version + 1)
          assert.ok(job.attempt >= before.attempt && job.attempt <= before.attempt + 1)
          assert.ok(job.failures <= job.maxAttempts)
          if (job.state === 'QUEUED') assert.equal(job.token, undefined)
          assert.equal(job.endedAt !== undefined, isTerminal(job.state))
        }
      }),
      { numRuns: 300 },
    )
  })
})

suite('a lost attempt', () => {
  const out = jobRecord(1, { state: 'RUNNING', attempt: 1, token: 'ab', maxAttempts: 20 })

  test('is tried again after 100 ms, doubling to 10 s', () => {
    const waits = [0, 1, 2, 3, 6, 7, 18].map((failures) => {
      const { job } = lost({ ...out, failures }, error, now)
      return (job.notBefore ?? 0) - now
    })
    assert.deepEqual(waits, [100, 200, 400, 800, 6400, 10_000, 10_000])
  })

  test('fails the job when attempts are used up, and counts the last', () => {
    const { job } = lost({ ...out, failures: 19 }, error, now)
    assert.equal(job.state, 'FAILED')
    assert.equal(job.failures, 20)
    assert.deepEqual(job.error, error)
  })

  test('costs nothing when nobody is to blame', () => {
    const { job } = lost({ ...out, failures: 19 }, error, now, true)
    assert.equal(job.state, 'QUEUED')
    assert.equal(job.failures, 19)
    assert.equal(job.notBefore, now)
  })

  test('ends a job that was asked to stop', () => {
    const { job } = lost({ ...out, stopAt: now + 5 }, error, now)
    assert.equal(job.state, 'CANCELLED')
  })

  test('is current no more: its token is gone', () => {
    assert.ok(isCurrent(out, 1))
    assert.ok(!isCurrent(out, 2))
    assert.ok(!isCurrent(lost(out, error, now).job, 1))
    assert.ok(!isCurrent(moves.succeeded?.(out).job ?? out, 1))
  })
})

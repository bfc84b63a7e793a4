// A job's way through table, scheduling, dispatch, recorder and control, with
// the real store and log. The connection to the worker is played by the test.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, suite, test } from 'node:test'
import type { Attempt } from '@vorta/api'
import { utf8 } from '@vorta/core'
import { openParts, type Parts, testFiles, until } from '../testkit/parts.ts'

suite('a job', () => {
  let parts: Parts

  beforeEach(async () => {
    parts = await openParts()
    await parts.upload(...testFiles)
  })
  afterEach(async () => {
    assert.deepEqual(parts.faults, [], 'nothing stopped the process')
    await parts.close()
  })

  const stored = async (id: string) => {
    const record = await parts.store.job(id)
    assert.ok(record, `${id} is stored`)
    return record
  }
  const reaches = (id: string, state: string) =>
    until(`${id} is ${state}`, async () => (await stored(id)).state === state)
  const typesOf = (id: string) =>
    parts.events.filter(({ jobId }) => jobId === id).map(({ type }) => type)
  const counted = async (name: string, labels: Record<string, string> = {}) => {
    const metric = await parts.metrics.registry.getSingleMetric(`vorta_mainframe_${name}`)?.get()
    const fits = (value: { labels: Record<string, unknown> }) =>
      Object.entries(labels).every(([key, text]) => value.labels[key] === text)
    return (metric?.values ?? []).filter(fits).reduce((sum, { value }) => sum + value, 0)
  }

  const refusedCode = async (id: string) => (await stored(id)).error?.code

  /** Runs one job as far as the worker's having it. */
  const dispatched = async (id = 'one', spec = {}) => {
    const joined = await parts.join('w1')
    await parts.create(id, spec)
    const batch = await joined.connection.batch()
    const [attempt] = batch.attempts
    assert.ok(attempt)
    return { ...joined, batch, attempt, log: parts.logIdentity }
  }

  test('goes from submission to a receipt in the log, each step an event', async () => {
    const { batch, attempt, enclave, log, worker } = await dispatched()
    batch.tell(attempt, { case: 'starting', value: {} })
    await reaches('one', 'STARTING')
    batch.tell(attempt, { case: 'running', value: {} })
    await reaches('one', 'RUNNING')
    const result = await enclave.result(attempt, log)
    batch.tell(attempt, { case: 'result', value: result })
    await reaches('one', 'SUCCEEDED')
    const record = await stored('one')
    assert.equal(record.verdict, 'valid')
    assert.equal(record.receiptIndex, 0)
    assert.equal(record.tee, 'simulated')
    assert.equal(parts.table.size, 0)
    assert.equal(worker.view().running, 0)
    assert.equal(worker.record.succeeded, 1)
    assert.deepEqual(typesOf('one'), ['Queued', 'Placed', 'Starting', 'Running', 'Succeeded'])
    const row = await parts.store.logEntry(0)
    assert.ok(row)
    assert.deepEqual(Buffer.from(row.envelope), Buffer.from(result.envelope))
    await until('the log knows', () => parts.logWriter.size === 1)
    assert.match(await parts.reader.checkpoint(), /^log\.test\/parts\/SIMULATED\n1\n/)
    batch.end()
  })

  test('is recorded once, however often its result and updates come', async () => {
    const { batch, attempt, enclave, log } = await dispatched()
    const result = await enclave.result(attempt, log)
    batch.tell(attempt, { case: 'running', value: {} }, { case: 'running', value: {} })
    batch.tell(attempt, { case: 'result', value: result }, { case: 'result', value: result })
    batch.tell(attempt, { case: 'starting', value: {} }, { case: 'result', value: result })
    await reaches('one', 'SUCCEEDED')
    batch.tell(attempt, { case: 'result', value: result })
    await until(
      'the rest is refused',
      async () => (await counted('results_refused_total', { code: 'ATTEMPT_FENCED' })) === 3,
    )
    assert.equal(parts.logWriter.size, 1)
    assert.deepEqual(typesOf('one'), ['Queued', 'Placed', 'Running', 'Succeeded'])
  })

  test('ignores updates about jobs and attempts that were never sent on the stream', async () => {
    const { batch, attempt, enclave, log } = await dispatched()
    const value = await enclave.result(attempt, log)
    batch.tell({ ...attempt, number: 2 }, { case: 'result', value })
    batch.tell({ ...attempt, jobUid: 'j0' }, { case: 'result', value })
    batch.tell(attempt, { case: 'starting', value: {} })
    await reaches('one', 'STARTING')
    assert.equal(await counted('results_refused_total', { code: 'ATTEMPT_FENCED' }), 2)
    assert.equal(parts.logWriter.size, 0)
  })

  test('is placed anew with a back-off and another token when the stream ends', async () => {
    const { batch, attempt, connection } = await dispatched()
    batch.breakOff()
    await reaches('one', 'QUEUED')
    const record = await stored('one')
    assert.equal(record.failures, 1)
    assert.equal(record.token, undefined)
    assert.equal(record.notBefore, parts.clock.now() + 100)
    parts.advance(100)
    const again = await connection.batch()
    assert.equal(again.attempts[0]?.number, 2)
    assert.notDeepEqual(again.attempts[0]?.token, attempt.token)
    assert.equal(await counted('attempts_lost_total', { code: 'WORKER_LOST' }), 1)
  })

  test('refuses the result of an attempt that was given up', async () => {
    const { batch, attempt, enclave, log } = await dispatched()
    const late = await enclave.result(attempt, log)
    const failure = { code: 'ENCLAVE_LOST', message: 'it fell', hint: '', retryable: true }
    batch.tell(attempt, { case: 'failure', value: failure }, { case: 'result', value: late })
    await reaches('one', 'QUEUED')
    assert.equal(await counted('results_refused_total', { code: 'ATTEMPT_FENCED' }), 1)
    assert.equal(parts.logWriter.size, 0)
  })

  test('fails when the worker says that the job is at fault, in words cut to size', async () => {
    const { batch, attempt, worker } = await dispatched()
    const message = `\u001b[2J\u202e${'x'.repeat(100_000)}`
    const failure = { code: 'PROOF\nWRONG', message, hint: 'h'.repeat(1000), retryable: false }
    batch.tell(attempt, { case: 'failure', value: failure })
    await reaches('one', 'FAILED')
    const { error } = await stored('one')
    assert.equal(error?.code, 'ENCLAVE_FAILED')
    assert.equal(error?.message.length, 500)
    assert.match(error?.message ?? '', /^ \[2J x+$/)
    assert.equal(error?.hint?.length, 500)
    assert.equal(worker.view().running, 0)
  })

  test('makes no metric series for codes that a worker invents', async () => {
    const { batch, attempt } = await dispatched()
    const failure = { code: 'MADE_UP_1', message: '', hint: '', retryable: true }
    batch.tell(attempt, { case: 'failure', value: failure })
    await reaches('one', 'QUEUED')
    assert.equal(await counted('attempts_lost_total', { code: 'OTHER' }), 1)
    assert.equal(await counted('attempts_lost_total', { code: 'MADE_UP_1' }), 0)
  })

  test('fails for good when its attempts are used up', async () => {
    const { batch } = await dispatched('one', { retry: { maxAttempts: 1 } })
    batch.end()
    await reaches('one', 'FAILED')
    assert.equal(await refusedCode('one'), 'WORKER_LOST')
  })

  test('drops a result that is too large to be kept in memory', async () => {
    const { batch, attempt, enclave, log } = await dispatched()
    const result = await enclave.result(attempt, log)
    batch.tell(attempt, {
      case: 'result',
      value: { ...result, trace: new Uint8Array(1024 * 1024 + 1) },
    })
    await reaches('one', 'QUEUED')
    assert.equal(await counted('attempts_lost_total', { code: 'TOO_LARGE' }), 1)
  })

  for (const [fact, change] of [
    ['job', { job: { uid: 'j0', name: 'jobs/one' } }],
    ['attempt', { attempt: { number: 1, token: '00'.repeat(16) } }],
    ['spec', { spec: '00'.repeat(32) }],
    ['enclave', { enclave: { kind: 'sgx' } }],
    ['trace', { trace: '00'.repeat(32) }],
  ] as const) {
    test(`is tried again when the statement names another ${fact}`, async () => {
      const { batch, attempt, enclave, log } = await dispatched()
      const value = await enclave.result(attempt, log, (right) => ({ ...right, ...change }))
      batch.tell(attempt, { case: 'result', value })
      await reaches('one', 'QUEUED')
      assert.equal(await counted('results_refused_total', { code: 'RESULT_MISMATCH' }), 1)
      assert.match(parts.events.at(-1)?.message ?? '', new RegExp(`statement: ${fact}: expected`))
      assert.equal(parts.logWriter.size, 0)
    })
  }

  test('takes no result about another log, another proof, or from another key', async () => {
    const { batch, attempt, connection, enclave, log } = await dispatched('one', {
      retry: { maxAttempts: 9 },
    })
    const other = await parts.join('w2', 0)
    const forgeries: ((to: Attempt) => Promise<{ envelope: Uint8Array; trace: Uint8Array }>)[] = [
      (to) => enclave.result(to, { ...log, origin: 'log.test/other' }),
      (to) =>
        enclave.result(to, log, ({ proof, ...right }) => ({
          ...right,
          proof: { ...proof, proof: '00'.repeat(32) },
        })),
      (to) => other.enclave.result(to, log),
      async () => ({ envelope: utf8('{'), trace: utf8('') }),
    ]
    let [to, on] = [attempt, batch]
    for (const [index, forge] of forgeries.entries()) {
      on.tell(to, { case: 'result', value: await forge(to) })
      await until('refused', async () => (await stored('one')).failures === index + 1)
      parts.advance(10_000)
      on = await connection.batch()
      to = on.attempts[0] as Attempt
    }
    const value = await enclave.result(to, log)
    on.tell(to, { case: 'result', value })
    await reaches('one', 'SUCCEEDED')
    await until('one receipt', () => parts.logWriter.size === 1)
  })

  test('takes no simulated result when it asked for hardware', async () => {
    const { worker, connection, enclave } = await parts.join('w1')
    assert.ok(worker.enclave)
    // The worker exchanges its enclave between placement and dispatch.
    worker.enclave = { ...worker.enclave, tee: 'sgx' }
    await parts.create('one', { placement: { tees: ['sgx'] } })
    await until('placed', () => parts.table.byId('one')?.record.state === 'PLACED')
    worker.enclave = { ...worker.enclave, tee: 'simulated' }
    const batch = await connection.batch()
    const [attempt] = batch.attempts
    assert.ok(attempt)
    batch.tell(attempt, { case: 'result', value: await enclave.result(attempt, parts.logIdentity) })
    await reaches('one', 'QUEUED')
    assert.match(parts.events.at(-1)?.message ?? '', /expected sgx, got simulated/)
  })

  test('keeps its verdict of one batch apart: good ones are logged, bad ones tried again', async () => {
    const { connection, enclave } = await parts.join('w1', 64)
    const names = Array.from({ length: 40 }, (_, index) => `job-${index}`)
    await Promise.all(names.map((name) => parts.create(name)))
    const taken = await connection.batch()
    assert.equal(taken.attempts.length, names.length)
    for (const [index, attempt] of taken.attempts.entries()) {
      const value = await enclave.result(attempt, parts.logIdentity, (right) =>
        index % 4 === 0 ? { ...right, spec: '00'.repeat(32) } : right,
      )
      taken.tell(attempt, { case: 'result', value })
    }
    await until('30 receipts', () => parts.logWriter.size === 30)
    const indexes = new Set<number>()
    for (const name of names) {
      const { state, receiptIndex, uid } = await stored(name)
      if (receiptIndex === undefined) {
        assert.equal(state, 'QUEUED')
        continue
      }
      assert.equal(state, 'SUCCEEDED')
      indexes.add(receiptIndex)
      assert.equal((await parts.store.logEntry(receiptIndex))?.jobUid, uid)
    }
    assert.equal(indexes.size, 30)
  })
})

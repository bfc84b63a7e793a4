// Ending jobs early, their deadlines, and taking them up after a restart; with
// the real store and log.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { digestOf } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { openParts, type Parts, specOf, testFiles, until } from '../testkit/parts.ts'

suite('a job that is to end early', () => {
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

  const dispatched = async (id = 'one', spec = {}) => {
    const joined = await parts.join('w1', 1)
    await parts.create(id, spec)
    const batch = await joined.connection.batch()
    const [attempt] = batch.attempts
    assert.ok(attempt)
    return { ...joined, batch, attempt }
  }

  test('is cancelled while it waits, and never placed', async () => {
    await parts.create('one')
    assert.equal((await parts.control.cancel('one', '')).state, 'CANCELLED')
    assert.equal((await stored('one')).error?.code, 'JOB_CANCELLED')
    const { worker } = await parts.join('w1')
    await parts.create('two')
    await until('two is placed', async () => (await stored('two')).state === 'PLACED')
    assert.equal((await stored('one')).attempt, 0)
    assert.equal(worker.view().running, 1)
  })

  test('is cancelled while it runs: the worker is told and its room is free', async () => {
    const { attempt, connection, worker, batch } = await dispatched()
    batch.tell(attempt, { case: 'running', value: {} })
    await reaches('one', 'RUNNING')
    await parts.control.cancel('one', '')
    assert.equal((await stored('one')).state, 'CANCELLED')
    assert.deepEqual(connection.aborted, [attempt.jobUid])
    assert.equal(worker.view().running, 0)
  })

  test('stays cancelled when its result is being recorded at that moment', async () => {
    const { attempt, batch, enclave } = await dispatched()
    const value = await enclave.result(attempt, parts.logIdentity)
    batch.tell(attempt, { case: 'result', value })
    const job = parts.table.byId('one')
    await until('it is being recorded', () => job?.recording)
    await parts.control.cancel('one', '')
    await parts.recorder.idle()
    assert.equal((await stored('one')).state, 'CANCELLED')
    assert.equal(parts.logWriter.size, 0)
  })

  test('stays succeeded when the cancel comes while its end is being written', async () => {
    const { attempt, batch, enclave } = await dispatched()
    const value = await enclave.result(attempt, parts.logIdentity)
    const job = parts.table.byId('one')
    batch.tell(attempt, { case: 'result', value })
    await until('its end is staged', () => job?.record.state === 'SUCCEEDED')
    await assert.rejects(parts.control.cancel('one', ''), {
      code: 'JOB_FINISHED',
      message: 'jobs/one has ended: SUCCEEDED',
    })
    await reaches('one', 'SUCCEEDED')
  })

  test('is not cancelled by one who saw another version of it', async () => {
    const { version } = await parts.create('one')
    await assert.rejects(parts.control.cancel('one', String(version + 5)), {
      code: 'STORE_CONFLICT',
    })
    await parts.control.cancel('one', String((await stored('one')).version))
    assert.equal((await stored('one')).state, 'CANCELLED')
  })

  test('cannot be ended twice, nor before it exists', async () => {
    await parts.create('one')
    await parts.control.cancel('one', '')
    await assert.rejects(parts.control.cancel('one', ''), { code: 'JOB_FINISHED' })
    await assert.rejects(parts.control.stop('one', 0), { code: 'JOB_FINISHED' })
    await assert.rejects(parts.control.cancel('none', ''), { code: 'JOB_NOT_FOUND' })
  })

  test('may finish within the grace of a stop', async () => {
    const { attempt, batch, enclave } = await dispatched()
    assert.equal((await parts.control.stop('one', 5000)).stopAt, parts.clock.now() + 5000)
    parts.advance(4999)
    const value = await enclave.result(attempt, parts.logIdentity)
    batch.tell(attempt, { case: 'result', value })
    await reaches('one', 'SUCCEEDED')
  })

  test('is cancelled when the grace of a stop is over', async () => {
    const { connection, attempt } = await dispatched()
    await parts.control.stop('one', 5000)
    assert.equal((await stored('one')).state, 'PLACED')
    parts.advance(5000)
    await reaches('one', 'CANCELLED')
    assert.deepEqual(connection.aborted, [attempt.jobUid])
  })

  test('is not tried again after a stop', async () => {
    const { batch } = await dispatched()
    await parts.control.stop('one', 5000)
    batch.breakOff()
    await reaches('one', 'CANCELLED')
  })

  test('is stopped at once while it waits', async () => {
    await parts.create('one')
    assert.equal((await parts.control.stop('one', 5000)).state, 'CANCELLED')
  })

  test('expires at its deadline while it waits, and says what for', async () => {
    await parts.create('one', { timeout: { seconds: 60n, nanos: 0 } })
    await until('it was looked at', () => parts.table.byId('one')?.unplaced)
    parts.advance(59_999)
    assert.equal((await stored('one')).state, 'QUEUED')
    parts.advance(1)
    await reaches('one', 'EXPIRED')
    assert.deepEqual((await stored('one')).error?.message, 'no worker fitted until the deadline')
  })

  test('expires at its deadline while it runs; a later result is refused', async () => {
    const { attempt, batch, enclave, worker } = await dispatched()
    assert.equal(batch.remainingMs, 600_000)
    parts.advance(600_000)
    await reaches('one', 'EXPIRED')
    batch.tell(attempt, {
      case: 'result',
      value: await enclave.result(attempt, parts.logIdentity),
    })
    batch.end()
    await parts.recorder.idle()
    assert.equal((await stored('one')).state, 'EXPIRED')
    assert.equal(worker.view().running, 0)
    assert.equal(parts.logWriter.size, 0)
  })

  test('waits for a free slot, the most urgent first, and says why once', async () => {
    const { attempt, batch, connection, enclave } = await dispatched()
    await parts.create('low', { priority: 1 })
    await until('low was looked at', () => parts.table.byId('low')?.unplaced)
    await parts.create('high', { priority: 99 })
    const value = await enclave.result(attempt, parts.logIdentity)
    batch.tell(attempt, { case: 'result', value })
    const next = await connection.batch()
    assert.equal(next.attempts[0]?.job, 'jobs/high')
    const looks = async () =>
      (await parts.metrics.placements.get()).values.find(
        ({ labels }) => labels.outcome === 'unplaceable',
      )?.value
    parts.scheduling.capacityChanged()
    await until('low was looked at again', async () => (await looks()) === 2)
    const told = parts.events.filter(({ jobId, type }) => jobId === 'low' && type === 'Unplaceable')
    assert.equal(told.length, 1)
    assert.match(told[0]?.message ?? '', /1 x NO_FREE_SLOT/)
  })

  test('brings small artifacts along, once it is clear that the worker has them not', async () => {
    const { batch, worker } = await dispatched()
    assert.equal(batch.inline.length, 3)
    batch.end()
    await reaches('one', 'QUEUED')
    for (const { digest } of batch.inline.slice(1)) worker.cached.add(digest)
    parts.advance(100)
    const connection = worker.session as Awaited<ReturnType<typeof parts.join>>['connection']
    const again = await connection.batch()
    assert.deepEqual(
      again.inline.map(({ digest }) => digest),
      [batch.inline[0]?.digest],
    )
  })

  test('does not bring along what is large', async () => {
    const large = new Uint8Array(64 * 1024 + 1)
    await parts.upload(large)
    const { connection } = await parts.join('w1')
    await parts.create('one', specOf({ proof: digestOf(nodeCrypto, large) }))
    assert.equal((await connection.batch()).inline.length, 2)
  })
})

suite('after a restart', () => {
  test('what ran waits for a new attempt at no cost, what waited waits, what ended has ended', async () => {
    const first = await openParts()
    await first.upload(...testFiles)
    const { connection, enclave } = await first.join('w1')
    await first.create('ran')
    const batch = await connection.batch()
    const [attempt] = batch.attempts
    assert.ok(attempt)
    batch.tell(attempt, { case: 'running', value: {} })
    await first.create('ended')
    const other = await connection.batch()
    const [done] = other.attempts
    assert.ok(done)
    const value = await enclave.result(done, first.logIdentity)
    other.tell(done, { case: 'result', value })
    await until('one ended', () => first.logWriter.size === 1)
    await first.create('waits', { placement: { workers: ['w9'] } })
    await first.close('keep')
    batch.breakOff() // too late to count against the job

    const second = await openParts(first.folder, first.clock)
    try {
      assert.equal(second.recovered, 2)
      const ran = await second.store.job('ran')
      assert.equal(ran?.state, 'QUEUED')
      assert.equal(ran?.failures, 0)
      assert.equal(ran?.attempt, 1)
      assert.equal(ran?.token, undefined)
      assert.equal((await second.store.job('waits'))?.state, 'QUEUED')
      assert.equal((await second.store.job('ended'))?.state, 'SUCCEEDED')
      assert.equal(second.logWriter.size, 1)
      const { connection: next } = await second.join('w1')
      const [again] = (await next.batch()).attempts
      assert.equal(again?.job, 'jobs/ran')
      assert.equal(again?.number, 2)
      second.advance(600_000)
      await until('deadlines hold', async () =>
        ['ran', 'waits'].every((id) => !second.table.byId(id)),
      )
      assert.deepEqual([...first.faults, ...second.faults], [])
    } finally {
      await second.close()
      rmSync(first.folder, { recursive: true, force: true })
    }
  })
})

suite('a store that fails', () => {
  test('stops the process, in whatever the fault came up', async () => {
    const parts = await openParts()
    await parts.upload(...testFiles)
    const { connection, enclave } = await parts.join('w1')
    await parts.create('one')
    const batch = await connection.batch()
    const [attempt] = batch.attempts
    assert.ok(attempt)
    const value = await enclave.result(attempt, parts.logIdentity)
    // Somebody else appends to the log: this writer must not go on.
    await parts.logWriter.prepare([
      { jobUid: 'j0', entry: value.trace, envelope: value.envelope, evidenceSha256: '' },
    ])
    batch.tell(attempt, { case: 'result', value })
    await until('the process is stopped', () => parts.faults.length > 0)
    assert.equal(parts.faults[0]?.code, 'STORE_CONFLICT')
    await parts.close()
  })
})

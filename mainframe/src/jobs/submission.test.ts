// From a request to a stored job, with the real store and artifacts.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { CreateJobRequestSchema } from '@vorta/api'
import { openParts, type Parts, testFiles, testSpec, until } from '../testkit/parts.ts'

suite('a submission', () => {
  let parts: Parts
  beforeEach(async () => {
    parts = await openParts()
  })
  afterEach(() => parts.close())

  const requestId = '00000000-0000-4000-8000-00000000000a'
  const submit = (init: MessageInitShape<typeof CreateJobRequestSchema> = {}) =>
    parts.submit(create(CreateJobRequestSchema, { spec: testSpec(), ...init } as typeof init))

  test('is stored before it is answered, and announced', async () => {
    await parts.upload(...testFiles)
    const { record } = await submit({ jobId: 'one' })
    assert.deepEqual(await parts.store.job('one'), record)
    assert.equal(record.state, 'QUEUED')
    assert.equal(record.expiresAt, record.createdAt + 600_000)
    assert.deepEqual(
      parts.events.map(({ type, jobId }) => `${type} ${jobId}`),
      ['Queued one'],
    )
  })

  test('gets a name where it has none', async () => {
    await parts.upload(...testFiles)
    const { record } = await submit()
    assert.equal(record.id, record.uid)
    assert.match(record.id, /^j[0-9a-z]{26}$/)
  })

  test('is refused when an artifact is missing, and names it', async () => {
    await parts.upload(...testFiles.slice(1))
    await assert.rejects(submit(), ({ code, message, meta }) => {
      assert.equal(code, 'ARTIFACT_NOT_FOUND')
      assert.equal(meta.missing, 1)
      return /sha256:[0-9a-f]{64}$/.test(message)
    })
    assert.equal(parts.table.size, 0)
  })

  test('made twice with one request id is one job; with another body it is refused', async () => {
    await parts.upload(...testFiles)
    const first = await submit({ requestId, jobId: 'one' })
    const again = await submit({ requestId: requestId.toUpperCase(), jobId: 'one' })
    assert.equal(again.record.uid, first.record.uid)
    assert.deepEqual(again.spec, first.spec)
    assert.equal(parts.table.size, 1)
    for (const other of [{ jobId: 'two' }, { jobId: 'one', spec: testSpec({ priority: 9 }) }]) {
      await assert.rejects(submit({ requestId, ...other }), { code: 'REQUEST_ID_REUSED' })
    }
    await parts.control.cancel('one', '')
    assert.equal((await submit({ requestId, jobId: 'one' })).record.state, 'CANCELLED')
  })

  test('made many times at once with one request id is one job', async () => {
    await parts.upload(...testFiles)
    const all = await Promise.all(Array.from({ length: 20 }, () => submit({ requestId })))
    assert.equal(new Set(all.map(({ record }) => record.uid)).size, 1)
    assert.equal(parts.table.size, 1)
  })

  test('cannot take a name that another job has, ended or not', async () => {
    await parts.upload(...testFiles)
    await submit({ jobId: 'one' })
    await assert.rejects(submit({ jobId: 'one' }), { code: 'JOB_EXISTS' })
    await parts.control.cancel('one', '')
    await assert.rejects(submit({ jobId: 'one' }), { code: 'JOB_EXISTS' })
  })

  test('is refused for a name or request id that is none', async () => {
    await parts.upload(...testFiles)
    for (const init of [{ jobId: 'One' }, { jobId: 'x'.repeat(64) }, { requestId: 'abc' }]) {
      await assert.rejects(submit(init), { code: 'INVALID_ARGUMENT' })
    }
    assert.equal(parts.table.size, 0)
  })

  test('on paper stores nothing, needs no artifacts, and explains itself', async () => {
    await parts.join('w1')
    const { placement } = await submit({ jobId: 'one', validateOnly: true })
    assert.equal(placement?.worker, 'w1')
    assert.equal(await parts.store.job('one'), undefined)
    assert.equal(parts.table.size, 0)
    await until('nothing happens', () => parts.events.length === 0)
  })
})

// Request ids: a submission may be repeated without making a second job.

import assert from 'node:assert/strict'
import type { RequestKey } from '../store.ts'
import { collect, createJob, jobRecord, now, refused, type StoreTest } from './fixtures.ts'

export function testRequests(storeTest: StoreTest): void {
  const key = (changes: Partial<RequestKey> = {}): RequestKey => ({
    id: 'request',
    bodySha256: '11'.repeat(32),
    expiresAt: now + 60_000,
    ...changes,
  })

  storeTest('answers a repeated request with the job it made', async (store) => {
    await store.commit(null, [createJob(jobRecord(1), key())])
    const { events, repeated } = await store.commit(null, [
      createJob(jobRecord(2)),
      createJob(jobRecord(3), key()),
    ])
    assert.deepEqual([...repeated], [[1, 'j000001']])
    assert.deepEqual(
      events.map(({ jobUid }) => jobUid),
      ['j000002'],
    )
    assert.equal(await store.job('job-3'), undefined)
  })

  storeTest('makes one job of one request sent many times at once', async (store) => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, number) =>
        store.commit(null, [createJob(jobRecord(number), key())]),
      ),
    )
    const made = (await collect(store.load())).map(({ job }) => job.uid)
    assert.equal(made.length, 1)
    const repeats = answers.flatMap(({ repeated }) => [...repeated.values()])
    assert.equal(repeats.length, 29)
    assert.deepEqual([...new Set(repeats)], made)
  })

  storeTest('refuses a request id with another body', async (store) => {
    await store.commit(null, [createJob(jobRecord(1), key())])
    const other = createJob(jobRecord(2), key({ bodySha256: '22'.repeat(32) }))
    await assert.rejects(store.commit(null, [other]), refused('REQUEST_ID_REUSED'))
    assert.equal(await store.job('job-2'), undefined)
  })

  storeTest('forgets a request id when it expires', async (store) => {
    await store.commit(null, [createJob(jobRecord(1), key())])
    const late = jobRecord(2, { createdAt: now + 60_000 })
    const renewed = key({ bodySha256: '22'.repeat(32), expiresAt: now + 120_000 })
    const { repeated } = await store.commit(null, [createJob(late, renewed)])
    assert.equal(repeated.size, 0)
    const again = createJob(jobRecord(3, { createdAt: now + 60_001 }), renewed)
    assert.deepEqual([...(await store.commit(null, [again])).repeated.values()], ['j000002'])
  })

  storeTest('keeps every living request id while others expire', async (store) => {
    const brief = Array.from({ length: 150 }, (_, number) =>
      createJob(jobRecord(number), key({ id: `brief-${number}`, expiresAt: now + 1_000 })),
    )
    const living = createJob(jobRecord(200), key({ id: 'living' }))
    await store.commit(null, [...brief, living])
    const later = Array.from({ length: 150 }, (_, number) =>
      createJob(
        jobRecord(300 + number, { createdAt: now + 1_000 }),
        key({ id: `later-${number}` }),
      ),
    )
    await store.commit(null, later)
    const repeat = createJob(jobRecord(500, { createdAt: now + 1_000 }), key({ id: 'living' }))
    assert.deepEqual([...(await store.commit(null, [repeat])).repeated.values()], ['j000200'])
  })
}

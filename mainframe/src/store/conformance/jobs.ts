// Jobs: created once, changed from the version read, loaded and listed.

import assert from 'node:assert/strict'
import { utf8 } from '@vorta/core'
import type { JobRecord, JobState } from '../../records.ts'
import { collect, createJob, jobRecord, refused, type StoreTest, updateJob } from './fixtures.ts'

export function testJobs(storeTest: StoreTest): void {
  storeTest('gives a job back by name and uid, with its spec', async (store) => {
    const job = jobRecord(1)
    await store.commit(null, [createJob(job)])
    assert.deepEqual(await store.job('job-1'), job)
    assert.deepEqual(await store.jobByUid('j000001'), job)
    assert.deepEqual(await store.spec('j000001'), utf8('spec of j000001'))
    assert.equal(await store.job('job-2'), undefined)
    assert.equal(await store.jobByUid('job-1'), undefined)
    assert.equal(await store.spec('job-1'), undefined)
  })

  storeTest('refuses a second job of the same name', async (store) => {
    await store.commit(null, [createJob(jobRecord(1))])
    const taken = createJob(jobRecord(2, { id: 'job-1' }))
    await assert.rejects(store.commit(null, [taken]), refused('JOB_EXISTS'))
    assert.equal(await store.jobByUid('j000002'), undefined)
    assert.equal(await store.lastEvent(), 1)
  })

  storeTest('updates a job only from the version it was read at', async (store, epoch) => {
    const job = jobRecord(1)
    await store.commit(null, [createJob(job)])
    const placed: JobRecord = { ...job, version: 2, state: 'PLACED', worker: 'w', token: 'ff' }
    await store.commit(epoch, [updateJob(placed)])
    assert.deepEqual(await store.job('job-1'), placed)
    await assert.rejects(store.commit(epoch, [updateJob(placed)]), refused('STORE_CONFLICT'))
    const skipped = updateJob({ ...placed, version: 4 })
    await assert.rejects(store.commit(epoch, [skipped]), refused('STORE_CONFLICT'))
    const unknown = updateJob(jobRecord(9, { version: 2 }))
    await assert.rejects(store.commit(epoch, [unknown]), refused('STORE_CONFLICT'))
    assert.deepEqual(await store.job('job-1'), placed)
  })

  storeTest('loads the live jobs, oldest first, and no other', async (store, epoch) => {
    const jobs = Array.from({ length: 1_203 }, (_, number) => jobRecord(number))
    await store.commit(
      null,
      jobs.toReversed().map((job) => createJob(job)),
    )
    const states: JobState[] = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED', 'RUNNING']
    await store.commit(
      epoch,
      states.map((state, number) => updateJob(jobRecord(number, { version: 2, state }))),
    )
    const live = await collect(store.load())
    assert.deepEqual(
      live.map(({ job }) => job.uid),
      jobs.slice(4).map(({ uid }) => uid),
    )
    assert.equal(live[0]?.job.state, 'RUNNING')
    assert.deepEqual(live[1]?.spec, utf8('spec of j000005'))
  })

  storeTest('lists jobs newest first, page by page, under each filter', async (store) => {
    const states: JobState[] = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED']
    const jobs = Array.from({ length: 24 }, (_, number) =>
      jobRecord(number, {
        state: states[number % 4] ?? 'QUEUED',
        ...(number % 4 > 0 && { worker: `w${number % 3}` }),
        ...(number % 4 === 2 && { verdict: number % 8 === 2 ? 'valid' : 'invalid' }),
      }),
    )
    await store.commit(
      null,
      jobs.map((job) => createJob(job)),
    )
    const filters = [
      {},
      { state: 'QUEUED' },
      { state: 'SUCCEEDED' },
      { worker: 'w1' },
      { verdict: 'invalid' },
      { state: 'SUCCEEDED', worker: 'w2', verdict: 'valid' },
      { state: 'EXPIRED' },
    ] as const
    for (const filter of filters) {
      const expected = jobs
        .filter((job) =>
          Object.entries(filter).every(([key, value]) => job[key as keyof JobRecord] === value),
        )
        .toReversed()
      const got: JobRecord[] = []
      let cursor: string | undefined
      do {
        const page = await store.jobs(filter, 5, cursor)
        assert.ok(page.items.length <= 5)
        assert.ok(
          page.items.every(({ job, spec }) => utf8(`spec of ${job.uid}`).length === spec.length),
        )
        got.push(...page.items.map(({ job }) => job))
        cursor = page.next
      } while (cursor !== undefined)
      assert.deepEqual(got, expected, JSON.stringify(filter))
    }
    assert.equal((await store.jobs({}, 24)).next, undefined)
  })
}

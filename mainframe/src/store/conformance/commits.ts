// Commits: all or nothing, numbered, concurrent, durable.

import assert from 'node:assert/strict'
import type { Mutation } from '../store.ts'
import {
  appendLog,
  collect,
  createJob,
  eventOf,
  jobRecord,
  now,
  refused,
  type StoreTest,
  updateJob,
} from './fixtures.ts'

export function testCommits(storeTest: StoreTest): void {
  storeTest('answers a commit with its events, numbered from 1', async (store) => {
    const [one, two] = [jobRecord(1), jobRecord(2)]
    const { events, repeated } = await store.commit(null, [createJob(one), createJob(two)])
    const expected = [
      { ...eventOf(one, 'SUBMITTED'), sequence: 1 },
      { ...eventOf(two, 'SUBMITTED'), sequence: 2 },
    ]
    assert.deepEqual(events, expected)
    assert.equal(repeated.size, 0)
    assert.deepEqual(await store.events(0, 10), expected)
    assert.deepEqual(await store.events(1, 10), expected.slice(1))
    assert.deepEqual(await store.events(0, 1), expected.slice(0, 1))
    assert.deepEqual(await store.events(0, 10, two.uid), expected.slice(1))
    assert.equal(await store.lastEvent(), 2)
  })

  storeTest('applies all mutations of a call or none', async (store, epoch) => {
    await store.commit(null, [createJob(jobRecord(1))])
    const call: Mutation[] = [
      createJob(jobRecord(2)),
      updateJob(jobRecord(1, { version: 2, state: 'PLACED' })),
      { kind: 'put-worker', worker: { id: 'w', createdAt: now, succeeded: 0, failed: 0 } },
      appendLog(0, 3),
      updateJob(jobRecord(1, { version: 9 })),
    ]
    await assert.rejects(store.commit(epoch, call), refused('STORE_CONFLICT'))
    assert.equal(await store.job('job-2'), undefined)
    assert.equal((await store.job('job-1'))?.version, 1)
    assert.deepEqual(await store.workers(), [])
    assert.equal(await store.checkpoint(), undefined)
    assert.deepEqual(await store.logNodes(0, 0, 3), [])
    assert.equal(await store.lastEvent(), 1)
  })

  storeTest('takes 200 commits at once, and a refused one harms no other', async (store) => {
    const calls = Array.from({ length: 200 }, (_, number) =>
      // Every tenth asks for the name of its predecessor.
      createJob(jobRecord(number, number % 10 === 9 ? { id: `job-${number - 1}` } : {})),
    )
    const outcomes = await Promise.allSettled(calls.map((call) => store.commit(null, [call])))
    const sequences: number[] = []
    for (const [number, outcome] of outcomes.entries()) {
      if (number % 10 === 9) {
        assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'JOB_EXISTS')
      } else {
        assert.ok(outcome.status === 'fulfilled')
        sequences.push(...outcome.value.events.map(({ sequence }) => sequence))
      }
    }
    assert.deepEqual(
      sequences.toSorted((a, b) => a - b),
      Array.from({ length: 180 }, (_, index) => index + 1),
    )
    assert.equal((await collect(store.load())).length, 180)
  })

  storeTest('lets one of many concurrent updates of a job win', async (store, epoch) => {
    await store.commit(null, [createJob(jobRecord(1))])
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, number) =>
        store.commit(epoch, [updateJob(jobRecord(1, { version: 2, worker: `w${number}` }))]),
      ),
    )
    const losers = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.equal(losers.length, 19)
    assert.ok(losers.every(({ reason }) => reason.code === 'STORE_CONFLICT'))
    assert.equal(await store.lastEvent(), 2)
  })

  storeTest('keeps everything when it is closed and opened again', async (store, epoch, place) => {
    const pending = store.commit(epoch, [createJob(jobRecord(1)), appendLog(0, 2)])
    await store.close()
    await pending
    await assert.rejects(store.commit(null, [createJob(jobRecord(2))]), refused('UNAVAILABLE'))
    await assert.rejects(store.job('job-1'), refused('UNAVAILABLE'))
    const again = await place.open()
    try {
      assert.deepEqual(await again.job('job-1'), jobRecord(1))
      assert.equal(await again.lastEvent(), 1)
      assert.deepEqual(await again.checkpoint(), { size: 2, note: 'checkpoint 2' })
      const { epoch: next } = await again.lead({ holder: 'first', ttlMs: 2_000, now })
      assert.ok(next > epoch)
    } finally {
      await again.close()
    }
  })
}

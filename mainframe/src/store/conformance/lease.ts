// The lease: one leader at a time, and a late one is harmless.

import assert from 'node:assert/strict'
import type { Mutation } from '../store.ts'
import {
  appendLog,
  createJob,
  jobRecord,
  now,
  refused,
  type StoreTest,
  updateJob,
} from './fixtures.ts'

export function testLease(storeTest: StoreTest): void {
  storeTest('keeps a second leader out while the lease runs', async (store, epoch, place) => {
    const other = await place.open()
    try {
      const claim = (at: number) => other.lead({ holder: 'second', ttlMs: 2_000, now: at })
      await assert.rejects(claim(now + 1_999), refused('STORE_LOCKED'))
      await store.renew(epoch, now + 5_000)
      await assert.rejects(claim(now + 4_999), refused('STORE_LOCKED'))
      const { epoch: newer } = await claim(now + 5_000)
      assert.ok(newer > epoch)
      await assert.rejects(store.renew(epoch, now + 9_000), refused('FENCED'))
      const late = store.commit(epoch, [createJob(jobRecord(1))])
      await assert.rejects(late, refused('FENCED'))
      assert.equal(await store.job('job-1'), undefined)
      await other.commit(newer, [createJob(jobRecord(1))])
      assert.deepEqual(await store.job('job-1'), jobRecord(1))
    } finally {
      await other.close()
    }
  })

  storeTest('lets a leader hand over at once', async (store, epoch, place) => {
    const leader = await store.lead({ holder: 'first', ttlMs: 2_000, now })
    assert.ok(leader.epoch > epoch)
    await leader.release()
    await assert.rejects(store.renew(leader.epoch, now + 9_000), refused('FENCED'))
    const late = store.commit(leader.epoch, [createJob(jobRecord(1))])
    await assert.rejects(late, refused('FENCED'))
    const other = await place.open()
    try {
      const next = await other.lead({ holder: 'second', ttlMs: 2_000, now })
      // A release that comes late must not end the lease of the successor.
      await leader.release()
      await other.commit(next.epoch, [createJob(jobRecord(1))])
    } finally {
      await other.close()
    }
  })

  storeTest('takes submissions, and only those, without a leader', async (store) => {
    await store.commit(null, [createJob(jobRecord(1))])
    const changes: Mutation[] = [
      updateJob(jobRecord(1, { version: 2 })),
      { kind: 'put-worker', worker: { id: 'w', createdAt: now, succeeded: 0, failed: 0 } },
      appendLog(0, 1),
    ]
    for (const change of changes) {
      const mixed = [createJob(jobRecord(2)), change]
      await assert.rejects(store.commit(null, mixed), refused('FENCED'))
    }
    assert.equal(await store.job('job-2'), undefined)
  })
}

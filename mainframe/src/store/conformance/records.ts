// Placements, workers, appraisals.

import assert from 'node:assert/strict'
import { utf8 } from '@vorta/core'
import type { EvidenceRecord } from '../../records.ts'
import type { Mutation } from '../store.ts'
import { createJob, jobRecord, now, type StoreTest } from './fixtures.ts'

export function testRecords(storeTest: StoreTest): void {
  storeTest('keeps a placement report for each attempt', async (store, epoch) => {
    await store.commit(null, [createJob(jobRecord(1))])
    for (const attempt of [1, 2]) {
      const job = jobRecord(1, { version: attempt + 1, attempt, state: 'PLACED' })
      const placement = { jobUid: job.uid, attempt, report: `{"attempt":${attempt}}` }
      await store.commit(epoch, [{ kind: 'update-job', job, events: [], placement }])
    }
    const report = async (attempt: number) => (await store.placement('j000001', attempt))?.report
    assert.equal(await report(1), '{"attempt":1}')
    assert.equal(await report(2), '{"attempt":2}')
    assert.equal(await report(0), '{"attempt":2}')
    assert.equal(await report(3), undefined)
    assert.equal(await store.placement('j000002', 0), undefined)
  })

  storeTest('keeps the newest record of each worker', async (store, epoch) => {
    const worker = { id: 'b', createdAt: now, succeeded: 0, failed: 0 }
    const put = (record: typeof worker): Mutation => ({ kind: 'put-worker', worker: record })
    await store.commit(epoch, [put(worker), put({ ...worker, id: 'a' })])
    await store.commit(epoch, [put({ ...worker, succeeded: 3 })])
    assert.deepEqual(await store.workers(), [
      { ...worker, id: 'a' },
      { ...worker, succeeded: 3 },
    ])
  })

  storeTest('lists appraisals newest first and updates a repeated one', async (store, epoch) => {
    const evidence = (number: number, appraisedAt: number): EvidenceRecord => ({
      sha256: number.toString(16).padStart(64, '0'),
      worker: 'w',
      appraisedAt,
      evidence: utf8(`{"number":${number}}`),
      appraisal: '{}',
    })
    // Several at the same millisecond: a page may end between them.
    const records = Array.from({ length: 9 }, (_, number) =>
      evidence(number, now + Math.floor(number / 4)),
    )
    const put = (record: EvidenceRecord): Mutation => ({ kind: 'put-evidence', evidence: record })
    await store.commit(epoch, records.map(put))
    assert.deepEqual(await store.evidence(records[3]?.sha256 ?? ''), records[3])
    assert.equal(await store.evidence('ff'.repeat(32)), undefined)
    const again = { ...evidence(0, now + 9), appraisal: '{"again":true}' }
    await store.commit(epoch, [put(again)])
    const got: EvidenceRecord[] = []
    let cursor: string | undefined
    do {
      const page = await store.appraisals(2, cursor)
      got.push(...page.items)
      cursor = page.next
    } while (cursor !== undefined)
    assert.deepEqual(got, [again, ...records.slice(1).toReversed()])
  })
}

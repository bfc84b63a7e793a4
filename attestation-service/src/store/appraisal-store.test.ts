import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Appraisal } from '../appraisal.ts'
import { openAppraisalStore } from './appraisal-store.ts'

const appraisal = (id: string, time: number): Appraisal => ({
  id,
  time,
  sha256: '00'.repeat(32),
  tee: 'simulated',
  accepted: true,
  simulated: true,
  status: 'UpToDate',
  measurement: '',
  advisoryIds: [],
  checks: [],
  notChecked: [],
  claims: [],
  policy: 'default',
  policyId: '',
})

suite('stored results', () => {
  test('come back whole, by id and newest first', async () => {
    const store = openAppraisalStore(':memory:', 1000)
    const all = [1, 2, 3].map((n) => ({ appraisal: appraisal(`a${n}`, n), ear: `ear ${n}` }))
    await Promise.all(all.map((stored) => store.put(stored)))
    assert.deepEqual(store.get('a2'), all[1])
    assert.equal(store.get('a4'), undefined)
    const first = store.list(2, undefined)
    assert.deepEqual(
      first.items.map(({ id }) => id),
      ['a3', 'a2'],
    )
    const second = store.list(2, first.next)
    assert.deepEqual(
      second.items.map(({ id }) => id),
      ['a1'],
    )
    assert.equal(second.next, undefined)
    store.close()
    await assert.rejects(store.put(all[0]!), { code: 'UNAVAILABLE' })
  })

  test('go when they are older than they are kept', async () => {
    const store = openAppraisalStore(':memory:', 1000)
    const put = (id: string, time: number) => store.put({ appraisal: appraisal(id, time), ear: '' })
    await put('a1', 0)
    await put('a2', 1000)
    assert.ok(store.get('a1'), 'not a moment too early')
    await put('a3', 1001)
    assert.deepEqual(
      store.list(9, undefined).items.map(({ id }) => id),
      ['a3', 'a2'],
    )
    store.close()
  })

  test('have ids that are taken once', async () => {
    const store = openAppraisalStore(':memory:', 1000)
    await store.put({ appraisal: appraisal('a1', 1), ear: 'first' })
    await assert.rejects(store.put({ appraisal: appraisal('a1', 2), ear: 'second' }))
    assert.equal(store.get('a1')?.ear, 'first')
    store.close()
  })
})

// Filters of list calls.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { jobStates } from '../records.ts'
import { parseFilter } from './filter.ts'

suite('a filter', () => {
  test('is a conjunction of state, worker and verdict', () => {
    assert.deepEqual(parseFilter(''), {})
    assert.deepEqual(parseFilter('  '), {})
    assert.deepEqual(
      parseFilter('state = "RUNNING" AND worker="workers/w1"  AND verdict =  "invalid"'),
      { state: 'RUNNING', worker: 'w1', verdict: 'invalid' },
    )
    for (const state of jobStates) assert.deepEqual(parseFilter(`state = "${state}"`), { state })
  })

  for (const text of [
    'state',
    'state = RUNNING',
    'state = "running"',
    'state = "RUNNING" OR state = "FAILED"',
    'state = "RUNNING" AND',
    'AND',
    'worker = "W1"',
    'worker = "jobs/w1"',
    'verdict = "maybe"',
    'priority = "5"',
    '__proto__ = "x"',
    'state = "RUNNING" AND state = "FAILED"',
    `worker = "${'w'.repeat(500)}"`,
  ]) {
    test(`is refused: ${text.slice(0, 40)}`, () => {
      assert.throws(() => parseFilter(text), { code: 'FILTER_INVALID', meta: { field: 'filter' } })
    })
  }

  test('takes no time to refuse, however it is padded', () => {
    const start = performance.now()
    assert.throws(() => parseFilter(`x${' '.repeat(4_000_000)}x`), { code: 'FILTER_INVALID' })
    assert.ok(performance.now() - start < 1000)
  })
})

// Names, page sizes, page tokens, filters: what every list call reads.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { jobStates } from '../records.ts'
import { parseFilter } from './filter.ts'
import { idIn } from './names.ts'
import { createPageTokens, pageSize } from './paging.ts'

suite('a resource name', () => {
  test('gives its id', () => {
    assert.equal(idIn('jobs', 'jobs/example'), 'example')
    assert.equal(idIn('receipts', 'receipts/0'), '0')
  })

  for (const name of ['', 'jobs', 'jobs/', 'workers/a', 'jobs/a/b', `jobs/${'x'.repeat(200)}`]) {
    test(`is refused: ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.throws(() => idIn('jobs', name, 'job'), {
        code: 'INVALID_ARGUMENT',
        meta: { field: 'job' },
      })
    })
  }
})

suite('a page', () => {
  test('has 50 entries unless asked, and 1000 at most', () => {
    assert.deepEqual([0, 1, 1000, 1001, 2 ** 31 - 1].map(pageSize), [50, 1, 1000, 1000, 1000])
    assert.throws(() => pageSize(-1), { code: 'INVALID_ARGUMENT' })
  })

  const tokens = createPageTokens(new Uint8Array(32))

  test('goes on where its token says, and ends without one', () => {
    const token = tokens.seal('jobs ', 'j42')
    assert.match(token, /^[A-Za-z0-9_-]+$/)
    assert.equal(tokens.open('jobs ', token), 'j42')
    assert.equal(tokens.open('jobs ', ''), undefined)
    assert.equal(tokens.seal('jobs ', undefined), '')
  })

  test('does not open with a token of another list, filter or process', () => {
    const token = tokens.seal('jobs state = "FAILED"', 'j42')
    for (const list of ['jobs ', 'workers', 'jobs state = "FAILED" ']) {
      assert.throws(() => tokens.open(list, token), { code: 'PAGE_TOKEN_INVALID' })
    }
    const list = 'jobs state = "FAILED"'
    assert.throws(() => createPageTokens().open(list, token), { code: 'PAGE_TOKEN_INVALID' })
  })

  test('keeps list and cursor apart in its token', () => {
    assert.throws(() => tokens.open('jobs', tokens.seal('job', 's1')), {
      code: 'PAGE_TOKEN_INVALID',
    })
  })

  test('does not open with a forged token', () => {
    const token = Buffer.from(tokens.seal('workers', 'worker-07'), 'base64url')
    for (let at = 0; at < token.length; at++) {
      const forged = Buffer.from(token)
      forged[at] = (forged[at] ?? 0) ^ 1
      assert.throws(() => tokens.open('workers', forged.toString('base64url')), {
        code: 'PAGE_TOKEN_INVALID',
      })
    }
    for (const other of ['x', '=', 'not base64!', 'A'.repeat(22), token.toString('base64url', 1)]) {
      assert.throws(() => tokens.open('workers', other), { code: 'PAGE_TOKEN_INVALID' })
    }
  })
})

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

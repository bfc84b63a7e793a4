// Names, page sizes and page tokens: what every list call reads.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
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

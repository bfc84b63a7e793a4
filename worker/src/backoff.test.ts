import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBackoff } from './backoff.ts'

test('pauses grow to the limit, are shortened at random, and begin anew after success', () => {
  const longest = createBackoff({ minMs: 200, maxMs: 1000 }, () => 1)
  assert.deepEqual([1, 2, 3, 4].map(longest.next), [200, 400, 800, 1000])
  longest.reset()
  assert.equal(longest.next(), 200)
  longest.slow()
  assert.equal(longest.next(), 1000)
  assert.equal(createBackoff({ minMs: 200, maxMs: 1000 }, () => 0).next(), 100)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PreparedKey } from './engine.ts'
import { createPreparedKeys } from './prepared-keys.ts'

/** Keys that note in a list what happens to them. */
function keys(limit: number) {
  const events: string[] = []
  const cache = createPreparedKeys(limit)
  const prepare = (name: string) => (): PreparedKey => {
    events.push(`prepare ${name}`)
    return {
      inputs: 0,
      verify: () => ({ verdict: 'valid' }),
      release: () => events.push(`release ${name}`),
    }
  }
  return { events, use: (name: string) => cache.get(name, prepare(name)) }
}

test('prepares a key once', () => {
  const { events, use } = keys(2)
  assert.equal(use('a'), use('a'))
  assert.deepEqual(events, ['prepare a'])
})

test('releases the key that was not used for longest', () => {
  const { events, use } = keys(2)
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) use(name)
  assert.deepEqual(events, [
    'prepare a',
    'prepare b',
    'prepare c',
    'release b',
    'prepare b',
    'release c',
  ])
})

test('keeps nothing of a key that was refused', () => {
  const cache = createPreparedKeys(2)
  const refuse = () => {
    throw new Error('refused')
  }
  assert.throws(() => cache.get('a', refuse), /refused/)
  assert.throws(() => cache.get('a', refuse), /refused/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lru } from './lru.ts'

const lru = () => new Lru<string>(10, (value) => value.length)

test('drops what was not asked for longest when it is full', () => {
  const cache = lru()
  cache.set('a', '1234')
  cache.set('b', '1234')
  assert.equal(cache.get('a'), '1234')
  cache.set('c', '1234')
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => cache.get(key)),
    ['1234', undefined, '1234'],
  )
})

test('counts a replaced or deleted value no more', () => {
  const cache = lru()
  for (let round = 0; round < 5; round++) cache.set('a', '123456')
  cache.set('b', '1234')
  assert.equal(cache.get('a'), '123456')
  cache.delete('a')
  cache.delete('a')
  cache.set('c', '123456')
  assert.equal(cache.get('b'), '1234')
})

test('does not keep what is heavier than all it may hold', () => {
  const cache = lru()
  cache.set('a', '12345678901')
  assert.equal(cache.get('a'), undefined)
  cache.set('b', '1234567890')
  assert.equal(cache.get('b'), '1234567890')
})

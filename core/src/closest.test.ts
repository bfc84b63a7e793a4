import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest } from './closest.ts'

const verbs = ['submit', 'run', 'job', 'worker', 'receipt', 'quote']

test('finds a word with a slip, a missing letter or two letters swapped', () => {
  assert.equal(closest('sumbit', verbs), 'submit')
  assert.equal(closest('reciept', verbs), 'receipt')
  assert.equal(closest('wrker', verbs), 'worker')
  assert.equal(closest('JOB', verbs), 'job')
})

test('suggests nothing where nothing is near', () => {
  assert.equal(closest('deploy', verbs), undefined)
  assert.equal(closest('xy', verbs), undefined)
  assert.equal(closest('s'.repeat(100_000), verbs), undefined)
})

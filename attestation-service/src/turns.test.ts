import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from './turns.ts'

test('turns come in order, a few at each pass of the event loop', async () => {
  const turn = createTurns(2)
  const order: string[] = []
  const pieces = ['a', 'b', 'c', 'd', 'e'].map((name) => turn().then(() => order.push(name)))
  // Between two passes there is room for others.
  const others = (async () => {
    while (!order.includes('e')) {
      order.push('-')
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  await Promise.all([...pieces, others])
  const passes = order
    .join('')
    .split(/-+/)
    .filter((pass) => pass !== '')
  assert.deepEqual(passes, ['ab', 'cd', 'e'])
  await turn()
})

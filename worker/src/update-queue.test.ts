import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUpdateQueue } from './update-queue.ts'

test('updates of one turn leave together, and none is lost at the end', async () => {
  const queue = createUpdateQueue<number>()
  queue.push(1)
  queue.push(2)
  const groups: number[][] = []
  for await (const group of queue.groups()) {
    groups.push(group)
    if (groups.length > 1) continue
    queue.push(3)
    queue.push(4)
    queue.close()
  }
  assert.deepEqual(groups, [
    [1, 2],
    [3, 4],
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHostMeter } from './usage.ts'

test('the host meter gives shares and sizes that can be', () => {
  const { memoryBytes, memoryFreeBytes, cpu } = createHostMeter()()
  assert.ok(memoryBytes > 0 && memoryFreeBytes > 0 && memoryFreeBytes <= memoryBytes)
  assert.ok(cpu >= 0 && cpu <= 1)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLedger } from './ledger.ts'

test('the ledger refuses what exceeds slots or page cache, and tells when it is idle', async () => {
  let changes = 0
  const ledger = createLedger({ slots: 2, epcBytes: 100 }, () => changes++)
  await ledger.idle()
  assert.equal(ledger.reserve(101), false)
  assert.equal(ledger.reserve(60), true)
  assert.equal(ledger.reserve(60), false)
  assert.equal(ledger.reserve(40), true)
  assert.equal(ledger.reserve(0), false)
  assert.deepEqual([ledger.running, ledger.epcFreeBytes], [2, 0])
  let idle = false
  const waiting = ledger.idle().then(() => {
    idle = true
  })
  ledger.release(60)
  await Promise.resolve()
  assert.equal(idle, false)
  ledger.release(40)
  await waiting
  assert.deepEqual([ledger.running, ledger.epcFreeBytes, changes], [0, 100, 4])
})

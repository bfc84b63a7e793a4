import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { attestationCodes } from '@vorta/attestation'
import { concat, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { FlipResult, FlipTask } from '../test/flip-worker.ts'
import { anchors, loggedAt, makeTestFile } from '../test/make-receipt.ts'
import { receiptCodes } from './errors.ts'
import { verifyReceipt } from './verify.ts'

const now = loggedAt + 60_000
const file = await makeTestFile()
const known = new Set([...Object.keys(receiptCodes), ...Object.keys(attestationCodes)])

const run = (task: FlipTask): Promise<FlipResult> =>
  new Promise((resolve, reject) => {
    const url = new URL('../test/flip-worker.ts', import.meta.url)
    new Worker(url, { workerData: task }).once('message', resolve).once('error', reject)
  })

test('refuses a receipt with any one byte changed', async (context) => {
  const offsets = [...file.keys()]
  const flips = [
    // The lowest bit makes another valid character nearly everywhere, the highest never.
    ...offsets.map((at) => [at, 0x01] as const),
    ...offsets.map((at) => [at, 0x80] as const),
    // 0x20 makes another case: base64, hex and PEM. Every twentieth offset, for the time it takes.
    ...offsets.filter((at) => at % 20 === 0).map((at) => [at, 0x20] as const),
  ]
  const workers = Math.min(availableParallelism(), 8)
  const results = await Promise.all(
    Array.from({ length: workers }, (_, share) =>
      run({ file, flips: flips.filter((_flip, at) => at % workers === share), now }),
    ),
  )
  const counts: Record<string, number> = {}
  for (const { accepted, codes } of results) {
    assert.deepEqual(accepted, [])
    for (const [code, count] of Object.entries(codes)) counts[code] = (counts[code] ?? 0) + count
  }
  for (const code of Object.keys(counts)) assert.ok(known.has(code), `${code} is not documented`)
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  assert.equal(total, flips.length)
  context.diagnostic(`${total} changed files refused: ${JSON.stringify(counts)}`)
})

test('refuses a receipt cut off anywhere, and one with bytes after it', async () => {
  const options = { anchors, now }
  for (let length = 0; length < file.length; length++) {
    const { failure } = await verifyReceipt(nodeCrypto, file.subarray(0, length), options)
    assert.equal(failure?.code, 'RECEIPT_MALFORMED', `cut to ${length} bytes`)
  }
  for (const tail of ['\n', ' ', '\0', '}', '{}']) {
    const { failure } = await verifyReceipt(nodeCrypto, concat(file, utf8(tail)), options)
    assert.equal(failure?.code, 'RECEIPT_MALFORMED', JSON.stringify(tail))
  }
})

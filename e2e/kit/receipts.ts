// Receipts and the log as a relying party looks at them: with the library alone.

import assert from 'node:assert/strict'
import { simulatedAnchor } from '@vorta/attestation'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  type Checkpoint,
  openNote,
  parseCheckpoint,
  parseNote,
  parseVkey,
  type ReceiptFacts,
  verifyConsistency,
  verifyReceipt,
} from '@vorta/receipt'
import type { ApiClient } from '../../scripts/api-client.ts'

/** What a receipt says, once all its checks have passed. */
export async function factsOf(receipt: Uint8Array): Promise<ReceiptFacts> {
  const options = { anchors: [simulatedAnchor], now: Date.now() }
  const { ok, facts, failure } = await verifyReceipt(nodeCrypto, receipt, options)
  assert.ok(ok, `receipt refused: ${failure?.code} ${failure?.message}`)
  return facts
}

export async function receiptOf(client: ApiClient, name: string): Promise<Uint8Array> {
  return (await client.receipts.getReceipt({ name })).receipt
}

/** The newest checkpoint, its signature verified under a key one pins. */
export async function checkpointOf(client: ApiClient, key: string): Promise<Checkpoint> {
  const { checkpoint } = await client.log.getCheckpoint({})
  const pinned = parseVkey(nodeCrypto, key)
  return parseCheckpoint(await openNote(nodeCrypto, parseNote(checkpoint), pinned))
}

/** Throws unless the log at `after` is the log at `before` with entries added. */
export async function requireGrown(
  client: ApiClient,
  before: Checkpoint,
  after: Checkpoint,
): Promise<void> {
  const { hashes } = await client.log.getConsistencyProof({
    oldSize: BigInt(before.size),
    newSize: BigInt(after.size),
  })
  verifyConsistency(nodeCrypto, {
    oldSize: before.size,
    oldRoot: before.root,
    newSize: after.size,
    newRoot: after.root,
    proof: hashes,
  })
}

// The rows of the transparency log.

import assert from 'node:assert/strict'
import type { Mutation } from '../store.ts'
import { appendLog, hash, refused, type StoreTest } from './fixtures.ts'

export function testLog(storeTest: StoreTest): void {
  storeTest('appends to the log at its end and nowhere else', async (store, epoch) => {
    await store.commit(epoch, [appendLog(0, 3)])
    const append = (from: number, to: number) => store.commit(epoch, [appendLog(from, to)])
    await assert.rejects(append(2, 4), refused('STORE_CONFLICT'))
    await assert.rejects(append(4, 5), refused('STORE_CONFLICT'))
    await assert.rejects(append(3, 3), refused('STORE_CONFLICT'))
    const next = appendLog(3, 5) as Extract<Mutation, { kind: 'append-log' }>
    const gap = { ...next, entries: next.entries.toReversed() }
    await assert.rejects(store.commit(epoch, [gap]), refused('STORE_CONFLICT'))
    const wrongSize = { ...next, checkpoint: { size: 6, note: '' } }
    await assert.rejects(store.commit(epoch, [wrongSize]), refused('STORE_CONFLICT'))
    const oldNode = { ...next, nodes: [{ level: 0, index: 2, hash: hash(9) }] }
    await assert.rejects(store.commit(epoch, [oldNode]), refused('STORE_CONFLICT'))
    assert.equal((await store.logEntries(0, 9)).length, 3)
    await append(3, 5)
    await append(5, 6)
    assert.equal((await store.logEntries(0, 9)).length, 6)
  })

  storeTest('lets one of many concurrent appends win', async (store, epoch) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => store.commit(epoch, [appendLog(0, 2)])),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await store.logEntries(0, 9)).length, 2)
  })

  storeTest('reads entries, nodes and checkpoints of the log', async (store, epoch) => {
    const whole = appendLog(0, 7) as Extract<Mutation, { kind: 'append-log' }>
    const upper = { level: 1, index: 0, hash: hash(99) }
    await store.commit(epoch, [appendLog(0, 2)])
    const middle = appendLog(2, 6) as Extract<Mutation, { kind: 'append-log' }>
    await store.commit(epoch, [{ ...middle, nodes: [...middle.nodes, upper] }])
    await store.commit(epoch, [appendLog(6, 7)])
    assert.deepEqual(await store.logEntry(4), whole.entries[4])
    assert.equal(await store.logEntry(7), undefined)
    assert.deepEqual(await store.logEntries(1, 5), whole.entries.slice(1, 5))
    assert.deepEqual(await store.logNodes(0, 3, 7), whole.nodes.slice(3, 7))
    assert.deepEqual(await store.logNodes(1, 0, 5), [upper])
    assert.deepEqual(await store.logNodes(2, 0, 5), [])
    assert.equal((await store.checkpoint())?.size, 7)
    const covering = async (index: number) => (await store.checkpointCovering(index))?.size
    assert.deepEqual(await Promise.all([0, 1, 2, 5, 6, 7].map(covering)), [
      2,
      2,
      6,
      6,
      7,
      undefined,
    ])
  })
}

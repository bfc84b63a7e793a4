import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { concat, equal, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { parseCheckpoint } from '@vorta/receipt/checkpoint'
import { hashLeaf, verifyConsistency, verifyInclusion } from '@vorta/receipt/merkle'
import { openNote, parseNote, parseVkey } from '@vorta/receipt/note'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { type LogKey, openLogKey } from './log-key.ts'
import { openLogReader } from './log-reader.ts'
import { type Log, type NewLogEntry, openLog } from './log-writer.ts'

const origin = 'log.example/test'

const entryOf = (index: number): NewLogEntry => ({
  jobUid: `j${index}`,
  entry: utf8(`entry ${index}`),
  envelope: utf8('{}'),
  evidenceSha256: 'ab'.repeat(32),
})

const entriesOf = (from: number, to: number): NewLogEntry[] =>
  Array.from({ length: to - from }, (_, offset) => entryOf(from + offset))

/** RFC 6962 section 2.1 as it is written, sharing nothing with the code under test. */
function naiveRoot(from: number, to: number): Buffer {
  const sha256 = (...parts: Uint8Array[]) =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
  if (to === from) return sha256()
  if (to - from === 1) return sha256(Buffer.of(0), Buffer.from(`entry ${from}`))
  let k = 1
  while (k * 2 < to - from) k *= 2
  return sha256(Buffer.of(1), naiveRoot(from, from + k), naiveRoot(from + k, to))
}

type Opened = {
  readonly folder: string
  readonly key: LogKey
  readonly store: Store
  readonly log: Log
  append(from: number, to: number): Promise<void>
}

async function openIn(folder: string, t: TestContext): Promise<Opened> {
  const key = openLogKey(folder, origin)
  const store = await openSqliteStore(folder)
  t.after(() => store.close())
  const { epoch } = await store.lead({ holder: 'test', ttlMs: 1, now: 0 })
  const log = await openLog(store, key, origin)
  const append = async (from: number, to: number) => {
    await store.commit(epoch, [await log.prepare(entriesOf(from, to))])
    log.committed()
  }
  return { folder, key, store, log, append }
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const open = (t: TestContext) => openIn(newFolder(t), t)

async function head(note: string, key: LogKey) {
  return parseCheckpoint(
    await openNote(nodeCrypto, parseNote(note), parseVkey(nodeCrypto, key.vkey)),
  )
}

test('proves every entry in, and the growth between, all sizes up to 70', async (t) => {
  const { store, log, key, append } = await open(t)
  const reader = openLogReader(store)
  const roots = [naiveRoot(0, 0)]
  for (let size = 1; size <= 70; size++) {
    await append(size - 1, size)
    assert.equal(log.size, size)
    assert.equal(await reader.size(), size)
    const signed = await head(await reader.checkpoint(), key)
    roots.push(naiveRoot(0, size))
    assert.deepEqual(
      { ...signed, root: Buffer.from(signed.root) },
      {
        origin,
        size,
        root: roots[size],
      },
    )
  }
  const rootOf = (size: number): Uint8Array => roots[size] ?? assert.fail()
  for (let size = 1; size <= 70; size++) {
    const root = rootOf(size)
    for (let index = 0; index < size; index++) {
      const leaf = hashLeaf(nodeCrypto, utf8(`entry ${index}`))
      const proof = await reader.inclusion(index, size)
      verifyInclusion(nodeCrypto, { leaf, index, size, root, proof })
    }
    for (let oldSize = 1; oldSize <= size; oldSize++) {
      const proof = await reader.consistency(oldSize, size)
      const [oldRoot, newRoot] = [rootOf(oldSize), root]
      verifyConsistency(nodeCrypto, { oldSize, oldRoot, newSize: size, newRoot, proof })
    }
  }
})

test('keeps old checkpoints consistent with new ones across batches and restarts', async (t) => {
  const folder = newFolder(t)
  const sizes = [1, 2, 9, 64, 65, 200, 257, 300, 1_024, 1_030]
  const heads: Awaited<ReturnType<typeof head>>[] = []
  for (const [at, size] of sizes.entries()) {
    // Every append by another process would look like this: all state from the store.
    const { store, key, append } = await openIn(folder, t)
    await append(sizes[at - 1] ?? 0, size)
    const reader = openLogReader(store)
    const newest = await head(await reader.checkpoint(), key)
    assert.ok(equal(newest.root, naiveRoot(0, size)))
    for (const old of heads) {
      verifyConsistency(nodeCrypto, {
        oldSize: old.size,
        oldRoot: old.root,
        newSize: newest.size,
        newRoot: newest.root,
        proof: await reader.consistency(old.size, newest.size),
      })
    }
    heads.push(newest)
    await store.close()
  }
})

test('serves tiles that hold the leaf hashes, the entries and the levels above', async (t) => {
  const { store, append } = await open(t)
  await append(0, 600)
  const reader = openLogReader(store)
  const leaves = Array.from({ length: 600 }, (_, index) =>
    hashLeaf(nodeCrypto, utf8(`entry ${index}`)),
  )
  const tiles = await Promise.all(
    ['tile/0/000', 'tile/0/001', 'tile/0/002.p/88'].map((path) => reader.tile(path)),
  )
  assert.deepEqual(
    tiles.map((tile) => tile.length),
    [8_192, 8_192, 88 * 32],
  )
  assert.deepEqual(concat(...tiles), concat(...leaves))
  assert.deepEqual(await reader.tile('tile/0/001.p/3'), concat(...leaves.slice(256, 259)))
  const upper = [naiveRoot(0, 256), naiveRoot(256, 512)]
  assert.deepEqual(await reader.tile('tile/1/000.p/2'), concat(...upper))

  const entries = await reader.tile('tile/entries/002.p/88')
  let at = 0
  for (let index = 512; index < 600; index++) {
    const length = ((entries[at] ?? 0) << 8) | (entries[at + 1] ?? 0)
    assert.deepEqual(entries.slice(at + 2, at + 2 + length), utf8(`entry ${index}`))
    at += 2 + length
  }
  assert.equal(at, entries.length)
})

test('refuses proofs and tiles outside the log', async (t) => {
  const { store, append } = await open(t)
  const reader = openLogReader(store)
  const refused = (work: Promise<unknown>) => assert.rejects(work, { code: 'LOG_RANGE' })
  assert.equal(await reader.size(), 0)
  await refused(reader.checkpoint())
  await refused(reader.inclusion(0, 0))
  await refused(reader.tile('tile/0/000.p/1'))
  await append(0, 300)
  for (const [index, size] of [
    [0, 301],
    [300, 300],
    [-1, 3],
    [0.5, 3],
    [0, Number.NaN],
    [0, 0],
  ] as const) {
    await refused(reader.inclusion(index, size))
  }
  for (const [oldSize, newSize] of [
    [0, 300],
    [300, 299],
    [1, 301],
    [1.5, 300],
  ] as const) {
    await refused(reader.consistency(oldSize, newSize))
  }
  for (const path of [
    'tile/0/001',
    'tile/0/001.p/45',
    'tile/1/000.p/2',
    'tile/2/000.p/1',
    'tile/63/000.p/1',
    'tile/0/x999/999',
    'tile/0/1',
    'checkpoint',
  ]) {
    await refused(reader.tile(path))
  }
  assert.equal((await reader.tile('tile/0/001.p/44')).length, 44 * 32)
})

test('leaves no trace of an append that is rolled back', async (t) => {
  const { store, log, append } = await open(t)
  await append(0, 5)
  const dropped = await log.prepare(entriesOf(90, 97))
  assert.equal(dropped.entries[0]?.index, 5)
  log.rolledBack()
  assert.equal(log.size, 5)
  await append(5, 8)
  const { note, size } = (await store.checkpoint()) ?? assert.fail()
  assert.equal(size, 8)
  assert.ok(note.includes(Buffer.from(naiveRoot(0, 8)).toString('base64')))
})

test('prepares one append at a time and only well-formed ones', async (t) => {
  const { log } = await open(t)
  const code = (expected: string) => ({ code: expected })
  assert.throws(() => log.committed(), code('STORE_CONFLICT'))
  assert.throws(() => log.rolledBack(), code('STORE_CONFLICT'))
  const first = log.prepare(entriesOf(0, 2))
  assert.throws(() => log.committed(), code('STORE_CONFLICT'))
  await assert.rejects(log.prepare(entriesOf(0, 1)), code('STORE_CONFLICT'))
  await first
  await assert.rejects(log.prepare(entriesOf(0, 1)), code('STORE_CONFLICT'))
  log.rolledBack()
  assert.throws(() => log.rolledBack(), code('STORE_CONFLICT'))
  await assert.rejects(log.prepare([]), code('INVALID_ARGUMENT'))
  const large = { ...entryOf(0), entry: new Uint8Array(65_536) }
  await assert.rejects(log.prepare([large]), code('TOO_LARGE'))
  const largest = { ...entryOf(0), entry: new Uint8Array(65_535) }
  assert.equal((await log.prepare([largest])).checkpoint.size, 1)
})

test('refuses to go on from a store that is not what was signed', async (t) => {
  const { folder, key, store, append } = await open(t)
  await append(0, 7)
  const damaged = (work: Promise<unknown>) => assert.rejects(work, { code: 'LOG_DAMAGED' })
  const otherKey = openLogKey(newFolder(t), origin)
  await damaged(openLog(store, otherKey, origin))
  await damaged(openLog(store, key, 'log.example/other'))
  await openLog(store, key, origin)

  const db = new DatabaseSync(join(folder, 'vorta.db'))
  t.after(() => db.close())
  const tamper = async (change: string) => {
    db.exec(`BEGIN; ${change}; COMMIT`)
    await damaged(openLog(store, key, origin))
  }
  db.exec('CREATE TABLE kept AS SELECT * FROM log_nodes')
  const restore = 'DELETE FROM log_nodes; INSERT INTO log_nodes SELECT * FROM kept'
  await tamper('UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 2')
  await tamper(`${restore}; DELETE FROM log_nodes WHERE level = 0 AND "index" = 6`)
  const columns = `'j', entry, envelope, evidence_sha256 FROM log_entries LIMIT 1`
  await tamper(`${restore}; INSERT INTO log_entries SELECT 7, ${columns}`)
  db.exec('DELETE FROM log_entries WHERE "index" = 7')
  await openLog(store, key, origin)
  // A genuine signature, moved to another size.
  await tamper('DELETE FROM log_entries WHERE "index" = 6; UPDATE checkpoints SET size = 6')
})

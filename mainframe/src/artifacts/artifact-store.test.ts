import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { concat, utf8 } from '@vorta/core'
import { type ArtifactLimits, type ArtifactStore, openArtifactStore } from './artifact-store.ts'

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Bytes that differ at every position, so that a misplaced chunk shows. */
const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 17 + (at >> 16)) & 255
  return bytes
}

async function* chunksOf(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) {
    // As from a network: other uploads get their turn in between.
    await new Promise(setImmediate)
    yield bytes.subarray(at, at + length)
  }
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-artifacts-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function openIn(folder: string, t: TestContext, limits?: ArtifactLimits): ArtifactStore {
  const store = openArtifactStore(folder, limits)
  t.after(() => store.close())
  return store
}

function openNew(t: TestContext, limits?: ArtifactLimits) {
  const folder = newFolder(t)
  return { folder, store: openIn(folder, t, limits) }
}

/** Every artifact's file below a folder, by relative path. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('small.db'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

const wholePath = (digest: string) => join('sha256', digest.slice(7, 9), digest.slice(7))

async function readAll(store: ArtifactStore, digest: string, offset = 0): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let at = offset
  let ended = false
  for await (const chunk of store.read(digest, offset)) {
    assert.ok(!ended && chunk.offset === at && chunk.data.length <= 256 * 1024)
    parts.push(chunk.data)
    at += chunk.data.length
    ended = chunk.last
  }
  assert.ok(ended)
  return concat(...parts)
}

test('stores an artifact and gives it back, also after a restart', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(600_000)
  const digest = digestOf(bytes)
  assert.deepEqual(await store.stat([digest]), [{ digest, present: false, size: 0 }])
  await store.put(digest, bytes)
  await store.put(digest, bytes)
  assert.deepEqual(filesIn(folder), [wholePath(digest)])
  for (const opened of [store, openIn(folder, t)]) {
    assert.deepEqual(await opened.stat([digest]), [{ digest, present: true, size: 600_000 }])
    assert.deepEqual(await opened.get(digest, 600_000), bytes)
    assert.equal(await opened.get(digest, 599_999), undefined)
    assert.deepEqual(await readAll(opened, digest), bytes)
    assert.deepEqual(await readAll(opened, digest, 262_145), bytes.subarray(262_145))
    assert.equal((await readAll(opened, digest, 600_000)).length, 0)
  }
})

test('stores the empty artifact', async (t) => {
  const { store } = openNew(t)
  const digest = digestOf(new Uint8Array())
  await store.upload(digest, 0, 0, chunksOf(new Uint8Array(), 1))
  assert.deepEqual(await store.stat([digest]), [{ digest, present: true, size: 0 }])
  assert.deepEqual(await store.get(digest, 0), new Uint8Array())
  assert.equal((await readAll(store, digest)).length, 0)
})

test('leaves nothing on disk of bytes with another digest', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(100_000)
  const wrong = digestOf(utf8('other'))
  const mismatch = { code: 'DIGEST_MISMATCH' }
  await assert.rejects(store.put(wrong, bytes), mismatch)
  await assert.rejects(store.upload(wrong, bytes.length, 0, chunksOf(bytes, 9_999)), mismatch)
  assert.deepEqual(filesIn(folder), [])
  assert.deepEqual(await store.stat([wrong]), [{ digest: wrong, present: false, size: 0 }])
  assert.equal(await store.get(wrong, 1_000_000), undefined)
})

test('refuses what is too large before anything is written', async (t) => {
  const { folder, store } = openNew(t, { maxBytes: 1_000 })
  const bytes = pattern(1_001)
  const digest = digestOf(bytes)
  const tooLarge = { code: 'TOO_LARGE' }
  await assert.rejects(store.put(digest, bytes), tooLarge)
  async function* untouched(): AsyncGenerator<Uint8Array> {
    yield assert.fail('the upload was read')
  }
  await assert.rejects(store.upload(digest, 1_001, 0, untouched()), tooLarge)
  // A sender that announces less than it sends.
  await assert.rejects(store.upload(digest, 1_000, 0, chunksOf(bytes, 400)), tooLarge)
  assert.deepEqual(filesIn(folder), [])
  await store.put(digestOf(bytes.subarray(1)), bytes.subarray(1))
})

test('goes on with an upload where it broke off, also after a restart', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(300_000)
  const digest = digestOf(bytes)
  const size = bytes.length
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 70_000)
    throw new Error('the connection was cut')
  }
  await assert.rejects(store.upload(digest, size, 0, breaking()), { code: 'INTERNAL' })
  assert.deepEqual(await store.stat([digest]), [{ digest, present: false, size: 70_000 }])
  for (const offset of [0, 69_999, 70_001]) {
    await assert.rejects(store.upload(digest, size, offset, chunksOf(bytes, 5_000)), {
      code: 'OFFSET_MISMATCH',
      meta: { offset: 70_000 },
    })
  }
  const early = chunksOf(bytes.subarray(70_000, 100_000), 7_000)
  await assert.rejects(store.upload(digest, size, 70_000, early), { code: 'INVALID_ARGUMENT' })

  const again = openIn(folder, t)
  assert.equal((await again.stat([digest]))[0]?.size, 100_000)
  await again.upload(digest, size, 100_000, chunksOf(bytes.subarray(100_000), 64_000))
  assert.deepEqual(await again.stat([digest]), [{ digest, present: true, size }])
  assert.deepEqual(await readAll(again, digest), bytes)
  assert.deepEqual(filesIn(folder), [wholePath(digest)])
})

test('finds a wrong byte in any part of a resumed upload, and starts from nothing', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(50_000)
  const digest = digestOf(bytes)
  const hex = digest.slice(7)
  // As a power cut might leave it: the length is there, the bytes are not.
  writeFileSync(join(folder, 'uploads', hex), new Uint8Array(20_000))
  const rest = chunksOf(bytes.subarray(20_000), 10_000)
  await assert.rejects(store.upload(digest, 50_000, 20_000, rest), { code: 'DIGEST_MISMATCH' })
  assert.deepEqual(filesIn(folder), [])
  await store.upload(digest, 50_000, 0, chunksOf(bytes, 10_000))
  assert.deepEqual(await readAll(store, digest), bytes)
})

test('keeps concurrent uploads of one artifact apart', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(200_000)
  const digest = digestOf(bytes)
  const uploads = Array.from({ length: 8 }, (_, number) =>
    store.upload(digest, bytes.length, 0, chunksOf(bytes, 10_000 + number)),
  )
  // A put besides, and a liar who comes too late.
  const lie = chunksOf(new Uint8Array(200_000), 50_000)
  const late = [store.upload(digest, bytes.length, 0, lie), store.put(digest, bytes)]
  await Promise.all([...uploads, ...late])
  assert.deepEqual(readFileSync(join(folder, wholePath(digest))), Buffer.from(bytes))
  assert.deepEqual(filesIn(folder), [wholePath(digest)])
})

test('recovers when the first of several concurrent uploads lies', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(200_000)
  const digest = digestOf(bytes)
  const [liar, ...honest] = await Promise.allSettled([
    store.upload(digest, bytes.length, 0, chunksOf(new Uint8Array(200_000), 50_000)),
    ...[1, 2, 3].map(() => store.upload(digest, bytes.length, 0, chunksOf(bytes, 30_000))),
  ])
  assert.equal(liar?.status === 'rejected' && liar.reason.code, 'DIGEST_MISMATCH')
  assert.ok(honest.every(({ status }) => status === 'fulfilled'))
  assert.deepEqual(readFileSync(join(folder, wholePath(digest))), Buffer.from(bytes))
})

test('answers an upload of what is there without reading it', async (t) => {
  const { store } = openNew(t)
  const bytes = utf8('artifact')
  await store.put(digestOf(bytes), bytes)
  async function* untouched(): AsyncGenerator<Uint8Array> {
    yield assert.fail('the upload was read')
  }
  await store.upload(digestOf(bytes), bytes.length, 0, untouched())
})

test('stores many small artifacts at once, and has them after a restart', async (t) => {
  const { folder, store } = openNew(t)
  const all = Array.from({ length: 500 }, (_, number) => utf8(`artifact ${number % 400}`))
  const digests = all.map(digestOf)
  await Promise.all(all.map((bytes) => store.put(digestOf(bytes), bytes)))
  store.close()
  assert.deepEqual(filesIn(folder), [])
  const again = openIn(folder, t, { cacheBytes: 100 })
  const stats = await again.stat(digests)
  assert.ok(stats.every(({ present, size }, at) => present && size === all[at]?.length))
  assert.deepEqual(await Promise.all(digests.map((digest) => again.get(digest, 100))), all)
  assert.deepEqual(await readAll(again, digests[7] ?? '', 3), utf8('ifact 7'))
  assert.equal(await again.get(digests[7] ?? '', 9), undefined)
})

test('has a small artifact once, whether it was uploaded or put', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = utf8('artifact')
  const digest = digestOf(bytes)
  await store.upload(digest, bytes.length, 0, chunksOf(bytes, 3))
  await store.put(digest, bytes)
  assert.deepEqual(filesIn(folder), [wholePath(digest)])
  rmSync(join(folder, 'sha256'), { recursive: true })
  const again = openIn(folder, t)
  assert.deepEqual(await again.stat([digest]), [{ digest, present: false, size: 0 }])
})

test('does not keep a large artifact in memory', async (t) => {
  const { folder, store } = openNew(t)
  const bytes = pattern(64 * 1024 + 1)
  await store.put(digestOf(bytes), bytes)
  assert.deepEqual(await store.get(digestOf(bytes), 100_000), bytes)
  rmSync(join(folder, 'sha256'), { recursive: true })
  assert.equal(await store.get(digestOf(bytes), 100_000), undefined)
})

test('does not give out memory that a caller may still write to', async (t) => {
  const { store } = openNew(t)
  const bytes = utf8('artifact')
  const digest = digestOf(bytes)
  await store.put(digest, bytes)
  bytes.fill(0)
  assert.deepEqual(await store.get(digest, 100), utf8('artifact'))
})

test('refuses reads of what is not there', async (t) => {
  const { store } = openNew(t)
  const bytes = utf8('artifact')
  const digest = digestOf(bytes)
  await assert.rejects(readAll(store, digest), { code: 'ARTIFACT_NOT_FOUND' })
  await store.put(digest, bytes)
  for (const offset of [9, -1, 0.5]) {
    await assert.rejects(readAll(store, digest, offset), { code: 'OFFSET_MISMATCH' })
  }
})

test('refuses digests and sizes that are none, and so every path out of its folder', async (t) => {
  const { folder, store } = openNew(t)
  const invalid = { code: 'INVALID_ARGUMENT' }
  const hex = 'ab'.repeat(32)
  for (const digest of [
    '',
    hex,
    `sha256:${hex}0`,
    `sha256:${'AB'.repeat(32)}`,
    `sha256:../${hex}`,
  ]) {
    await assert.rejects(store.stat([digest]), invalid)
    await assert.rejects(store.put(digest, utf8('')), invalid)
    await assert.rejects(store.upload(digest, 1, 0, chunksOf(utf8('a'), 1)), invalid)
    await assert.rejects(readAll(store, digest), invalid)
    await assert.rejects(store.get(digest, 1), invalid)
  }
  for (const [size, offset] of [
    [-1, 0],
    [1.5, 0],
    [Number.NaN, 0],
    [1, 2],
    [1, -1],
  ] as const) {
    const upload = store.upload(`sha256:${hex}`, size, offset, chunksOf(utf8('a'), 1))
    await assert.rejects(upload, invalid)
  }
  assert.deepEqual(filesIn(folder), [])
})

test('refuses a folder that cannot be used', (t) => {
  const file = join(newFolder(t), 'file')
  writeFileSync(file, '')
  assert.throws(() => openArtifactStore(file), { code: 'CONFIG_INVALID' })
})

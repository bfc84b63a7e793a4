import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { openArtifactCache } from './artifact-cache.ts'

const block = 4096
const large = 100 * 1024

suite('the artifact cache', () => {
  let folder: string
  const digestOf = (bytes: Uint8Array) => toHex(nodeCrypto.sha256(bytes))
  const artifact = (name: string, size = 10) => {
    const bytes = new Uint8Array(size)
    bytes.set(utf8(name))
    return {
      bytes,
      digest: digestOf(bytes),
      file: join(digestOf(bytes).slice(0, 2), digestOf(bytes)),
    }
  }
  const [a, b, c] = [artifact('a'), artifact('b'), artifact('c')]
  const big = artifact('big', large)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vorta-cache-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('gives back what was put in, small and large', async () => {
    const cache = await openArtifactCache(folder, 2 ** 20)
    for (const { bytes, digest } of [a, big]) {
      await cache.put(digest, bytes)
      assert.deepEqual(new Uint8Array((await cache.get(digest)) ?? []), bytes)
    }
    assert.equal(await cache.get(b.digest), undefined)
    assert.equal(cache.bytes, block + large)
    await cache.flushed()
  })

  test('refuses bytes that have another digest', async () => {
    const cache = await openArtifactCache(folder, 2 ** 20)
    await assert.rejects(cache.put(a.digest, b.bytes), { code: 'DIGEST_MISMATCH' })
    assert.equal(await cache.get(a.digest), undefined)
    assert.deepEqual(await readdir(folder), [])
  })

  test('evicts the least recently used when the limit is passed, and says so', async () => {
    const cache = await openArtifactCache(folder, 2 * block)
    const news: string[] = []
    cache.changes.subscribe(({ digest, present }) => news.push(`${present ? '+' : '-'}${digest}`))
    await cache.put(a.digest, a.bytes)
    await cache.put(b.digest, b.bytes)
    await cache.get(a.digest)
    await cache.put(c.digest, c.bytes)
    assert.deepEqual(cache.digests(), [a.digest, c.digest])
    assert.deepEqual(news, [`+${a.digest}`, `+${b.digest}`, `+${c.digest}`, `-${b.digest}`])
    assert.equal(cache.bytes, 2 * block)
    await cache.flushed()
  })

  test('does not keep what is larger than all of it', async () => {
    const cache = await openArtifactCache(folder, block)
    await cache.put(a.digest, a.bytes)
    await cache.put(big.digest, big.bytes)
    assert.deepEqual(cache.digests(), [a.digest])
    await cache.flushed()
  })

  test('finds after a restart what it had, the oldest to go first', async () => {
    const before = await openArtifactCache(folder, 2 ** 20)
    for (const { bytes, digest } of [a, b, big]) await before.put(digest, bytes)
    await before.flushed()
    await utimes(join(folder, b.file), 1, 1)
    await writeFile(join(folder, 'draft-0'), 'half of something')

    const later = await openArtifactCache(folder, block + large)
    assert.deepEqual(new Set(later.digests()), new Set([a.digest, big.digest]))
    assert.deepEqual(new Uint8Array((await later.get(big.digest)) ?? []), big.bytes)
    assert.ok(!(await readdir(folder)).includes('draft-0'))
  })

  test('drops a file that has lost bytes', async () => {
    const cache = await openArtifactCache(folder, 2 ** 20)
    await cache.put(big.digest, big.bytes)
    await truncate(join(folder, big.file), large - 1)
    assert.equal(await cache.get(big.digest), undefined)
    assert.deepEqual(cache.digests(), [])
    assert.equal(cache.bytes, 0)
    await cache.put(big.digest, big.bytes)
    assert.equal((await cache.get(big.digest))?.length, large)
  })
})

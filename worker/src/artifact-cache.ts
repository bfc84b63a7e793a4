// Artifacts by their SHA-256, in files under a size limit, the least recently
// used going first; small ones also in memory. A file is verified when it
// comes in; on the way out its size is compared, and the enclave hashes what
// it is given anyway.

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fail, own, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { createTopic, type Topic } from './topic.ts'

/** Proofs, inputs and most keys are smaller; a larger file is worth a read. */
const smallBytes = 64 * 1024
const maxMemoryBytes = 64 * 2 ** 20
/** What a file takes at least: a limit that counted bytes would be no limit for small files. */
const blockBytes = 4096

export type CacheChange = { readonly digest: string; readonly present: boolean }

/** Digests are 64 hex digits throughout. */
export type ArtifactCache = {
  /** Space taken, in whole blocks. */
  readonly bytes: number
  /** The most recently used last. */
  readonly digests: () => string[]
  readonly changes: Topic<CacheChange>
  readonly get: (digest: string) => Promise<Uint8Array | undefined>
  /** Throws DIGEST_MISMATCH. An artifact larger than the whole cache is not kept. */
  readonly put: (digest: string, bytes: Uint8Array) => Promise<void>
  readonly remove: (digest: string) => void
  /** Resolves when everything is on disk. */
  readonly flushed: () => Promise<void>
}

type Entry = { readonly size: number; written: Promise<unknown> }

export async function openArtifactCache(folder: string, maxBytes: number): Promise<ArtifactCache> {
  // Both in order of use, the oldest first.
  const entries = new Map<string, Entry>()
  const memory = new Map<string, Uint8Array>()
  const changes = createTopic<CacheChange>()
  const pathOf = (digest: string) => join(folder, digest.slice(0, 2), digest)
  let bytes = 0
  let memoryBytes = 0
  let temporary = 0

  for (const { digest, size } of await scan(folder)) {
    entries.set(digest, { size, written: Promise.resolve() })
    bytes += spaceOf(size)
  }
  shrink()

  function forget(digest: string): void {
    memoryBytes -= memory.get(digest)?.length ?? 0
    memory.delete(digest)
  }

  function remove(digest: string): void {
    const entry = entries.get(digest)
    if (!entry) return
    entries.delete(digest)
    bytes -= spaceOf(entry.size)
    forget(digest)
    entry.written = entry.written
      .catch(() => {}) // a file that was never written has nothing to remove
      .then(() => (entries.has(digest) ? undefined : rm(pathOf(digest), { force: true })))
    changes.publish({ digest, present: false })
  }

  /** Back under the limits. */
  function shrink(): void {
    for (const digest of entries.keys()) {
      if (bytes <= maxBytes) break
      remove(digest)
    }
    for (const digest of memory.keys()) {
      if (memoryBytes <= maxMemoryBytes) break
      forget(digest)
    }
  }

  async function write(digest: string, content: Uint8Array): Promise<void> {
    const path = pathOf(digest)
    const draft = join(folder, `draft-${temporary++}`)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(draft, content)
    await rename(draft, path)
  }

  return {
    get bytes() {
      return bytes
    },
    digests: () => [...entries.keys()],
    changes,
    remove,

    async get(digest) {
      const entry = entries.get(digest)
      if (!entry) return undefined
      touch(entries, digest, entry)
      const held = memory.get(digest)
      if (held) return touch(memory, digest, held)
      const content = await entry.written.then(() => readFile(pathOf(digest))).catch(() => null)
      if (content?.length === entry.size) return content
      if (entries.get(digest) === entry) remove(digest)
      return undefined
    },

    async put(digest, content) {
      const actual = toHex(nodeCrypto.sha256(content))
      if (actual !== digest) {
        throw fail('DIGEST_MISMATCH', `artifact: expected sha256:${digest}, got sha256:${actual}`)
      }
      const known = entries.get(digest)
      if (known) {
        touch(entries, digest, known)
        return
      }
      if (spaceOf(content.length) > maxBytes) return
      const entry: Entry = { size: content.length, written: write(digest, content) }
      if (content.length <= smallBytes) {
        memory.set(digest, own(content)) // not the message that it may be a part of
        memoryBytes += content.length
      }
      entries.set(digest, entry)
      bytes += spaceOf(content.length)
      changes.publish({ digest, present: true })
      shrink()
      // A full disk costs the cache an entry, not the job its artifact.
      entry.written.catch(() => entries.get(digest) === entry && remove(digest))
      if (!memory.has(digest)) await entry.written.catch(() => {})
    },

    flushed: async () => {
      await Promise.allSettled([...entries.values()].map((entry) => entry.written))
    },
  }
}

/** Makes an entry the last to go. */
function touch<T>(map: Map<string, T>, digest: string, value: T): T {
  map.delete(digest)
  map.set(digest, value)
  return value
}

const spaceOf = (size: number): number => Math.max(1, Math.ceil(size / blockBytes)) * blockBytes

/** What an earlier process left, the oldest first; its unfinished drafts are removed. */
async function scan(folder: string): Promise<{ digest: string; size: number }[]> {
  await mkdir(folder, { recursive: true })
  const found: { digest: string; size: number; time: number }[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const digest = /^[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(name)?.[1]
    if (digest) {
      const { size, mtimeMs } = await stat(join(folder, name))
      found.push({ digest, size, time: mtimeMs })
    } else if (name.startsWith('draft-')) {
      await rm(join(folder, name), { force: true })
    }
  }
  return found.sort((a, b) => a.time - b.time)
}

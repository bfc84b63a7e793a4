// Inputs and outputs of jobs under their SHA-256: small ones that are put whole
// as rows (small-artifacts.ts), all others as files (artifact-files.ts). What it
// has never changes and is never half there; what it answers for is on disk.
// Reads are not hashed again: whoever receives an artifact does that anyway.

import { createHash } from 'node:crypto'
import { digestPattern, fail, own, VortaError } from '@vorta/core'
import { type ArtifactChunk, chunksOf, readBytes, readFile } from './artifact-chunks.ts'
import { makeArtifactFiles, openExisting, sizeOf, writeWhole } from './artifact-files.ts'
import { digestMismatch, isOffset, receiveUpload } from './artifact-upload.ts'
import { KeyedLock } from './keyed-lock.ts'
import { Lru } from './lru.ts'
import { openSmallArtifacts } from './small-artifacts.ts'

/** Proofs, public inputs, traces: many, and asked for again at once by the dispatch. */
const smallBytes = 64 * 1024
/** Artifacts whose presence is known without asking the disk; about 10 MB of memory. */
const knownArtifacts = 100_000

export type ArtifactLimits = {
  /** Largest artifact, in bytes; 1 GiB unless given. */
  readonly maxBytes?: number
  /** Memory for recent small artifacts, in bytes; 64 MiB unless given. */
  readonly cacheBytes?: number
}

export type ArtifactStat = {
  readonly digest: string
  /** Whether it is stored whole. */
  readonly present: boolean
  /** Bytes stored: all of them, or those of an unfinished upload. */
  readonly size: number
}

/**
 * Digests are `sha256:<hex>`; anything else is refused with INVALID_ARGUMENT.
 * Bytes that were given out may be shared and must not be written to.
 */
export type ArtifactStore = {
  stat(digests: readonly string[]): Promise<readonly ArtifactStat[]>
  /** Answers when the artifact is on disk; until then `bytes` must not change. TOO_LARGE, DIGEST_MISMATCH. */
  put(digest: string, bytes: Uint8Array): Promise<void>
  /**
   * Answers when the whole artifact is on disk; at once, with the chunks unread, where it is
   * already. What arrives before an upload breaks off is kept, to go on from.
   * Uploads of one artifact wait for each other: the caller ends `chunks` that stall.
   * TOO_LARGE, OFFSET_MISMATCH (`meta.offset` is where to go on), DIGEST_MISMATCH,
   * INVALID_ARGUMENT where `chunks` end before `size` bytes.
   */
  upload(
    digest: string,
    size: number,
    offset: number,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void>
  /** At least one chunk, of at most 256 KiB each. ARTIFACT_NOT_FOUND, OFFSET_MISMATCH. */
  read(digest: string, offset: number): AsyncIterable<ArtifactChunk>
  /** A whole artifact, unless it is absent or larger than `maxBytes`. */
  get(digest: string, maxBytes: number): Promise<Uint8Array | undefined>
  /** Writes what was put and is waiting; nothing may be asked afterwards. */
  close(): void
}

/** Opens the store in a folder, made if absent. Throws CONFIG_INVALID. */
export function openArtifactStore(folder: string, limits: ArtifactLimits = {}): ArtifactStore {
  const { maxBytes = 2 ** 30, cacheBytes = 64 * 2 ** 20 } = limits
  const files = makeArtifactFiles(folder)
  const rows = openSmallArtifacts(folder)
  const locks = new KeyedLock()
  const recent = new Lru<Uint8Array>(cacheBytes, (bytes) => bytes.length)
  const known = new Lru<number>(knownArtifacts, () => 1)

  const storedSize = async (hex: string): Promise<number | undefined> => {
    const durable = known.get(hex) ?? rows.size(hex)
    const size = durable ?? (await sizeOf(files.whole(hex)))
    // A file on its way to its place may be seen before it is sure to outlast a power cut.
    if (size !== undefined && (durable !== undefined || !locks.held(hex))) known.set(hex, size)
    return size
  }

  const statOne = async (digest: string): Promise<ArtifactStat> => {
    const hex = hexOf(digest)
    await storedSize(hex)
    const size = known.get(hex)
    if (size !== undefined) return { digest, present: true, size }
    return { digest, present: false, size: (await sizeOf(files.partial(hex))) ?? 0 }
  }

  const requireSize = (size: number): void => {
    if (size > maxBytes) {
      throw fail('TOO_LARGE', `artifact: expected at most ${maxBytes} bytes, got ${size}`)
    }
  }

  const putFile = (hex: string, bytes: Uint8Array): Promise<void> =>
    locks.run(hex, async () => {
      if ((await storedSize(hex)) === undefined) await writeWhole(files, hex, bytes)
    })

  return {
    stat: (digests) => coded(() => Promise.all(digests.map(statOne))),

    put: (digest, bytes) =>
      coded(async () => {
        const hex = hexOf(digest)
        requireSize(bytes.length)
        const small = bytes.length <= smallBytes
        const kept = small ? own(bytes) : bytes
        const got = createHash('sha256').update(kept).digest('hex')
        if (got !== hex) throw digestMismatch(hex, got)
        if (known.get(hex) === undefined) await (small ? rows.put : putFile)(hex, kept)
        known.set(hex, kept.length)
        if (small) recent.set(hex, kept)
      }),

    upload: (digest, size, offset, chunks) =>
      coded(async () => {
        const hex = hexOf(digest)
        requireSize(size)
        if (!isOffset(size) || !isOffset(offset) || offset > size) {
          throw fail(
            'INVALID_ARGUMENT',
            `upload: expected 0 <= offset <= size, got ${offset}, ${size}`,
          )
        }
        await locks.run(hex, async () => {
          if ((await storedSize(hex)) !== undefined) return
          await receiveUpload(files, { hex, size, offset, chunks })
          known.set(hex, size)
        })
      }),

    async *read(digest, offset) {
      try {
        const hex = hexOf(digest)
        const row = rows.get(hex)
        if (row) return yield* chunksOf(row.length, offset, readBytes(row))
        await using file = await openExisting(files.whole(hex))
        if (!file) {
          known.delete(hex)
          throw fail('ARTIFACT_NOT_FOUND', `artifact ${digest} is not stored`)
        }
        yield* chunksOf((await file.stat()).size, offset, readFile(file))
      } catch (thrown) {
        throw VortaError.from(thrown)
      }
    },

    get: (digest, maxBytes) =>
      coded(async () => {
        const hex = hexOf(digest)
        const row = recent.get(hex) ?? rows.get(hex)
        if (row) {
          recent.set(hex, row)
          return row.length <= maxBytes ? row : undefined
        }
        await using file = await openExisting(files.whole(hex))
        if (!file || (await file.stat()).size > maxBytes) return undefined
        const bytes = own(await file.readFile())
        if (bytes.length <= smallBytes) recent.set(hex, bytes)
        return bytes
      }),

    close: rows.close,
  }
}

function hexOf(digest: string): string {
  if (!digestPattern.test(digest)) {
    const got = JSON.stringify(String(digest).slice(0, 80))
    throw fail('INVALID_ARGUMENT', `digest: expected sha256:<64 hex digits>, got ${got}`)
  }
  return digest.slice('sha256:'.length)
}

/** Lets coded errors pass and gives all others a code. */
async function coded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw VortaError.from(thrown)
  }
}

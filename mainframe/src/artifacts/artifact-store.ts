// Inputs and outputs of jobs under their SHA-256. What it has never changes and
// is never half there; what it answers for is on disk. Reads are not hashed
// again: whoever receives an artifact checks it against its digest anyway.

import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { digestPattern, fail, own, VortaError } from '@vorta/core'
import {
  chunkBytes,
  makeArtifactFiles,
  openExisting,
  publish,
  remove,
  sizeOf,
} from './artifact-files.ts'
import { digestMismatch, isOffset, receiveUpload } from './artifact-upload.ts'
import { KeyedLock } from './keyed-lock.ts'
import { Lru } from './lru.ts'

/** Proofs, public inputs and most keys: kept in memory, since every dispatch asks for them. */
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

export type ArtifactChunk = {
  readonly offset: number
  readonly data: Uint8Array
  /** Whether the artifact ends with this chunk. */
  readonly last: boolean
}

/**
 * Digests are `sha256:<hex>`; anything else is refused with INVALID_ARGUMENT.
 * Bytes that were given out may be shared and must not be written to.
 */
export type ArtifactStore = {
  stat(digests: readonly string[]): Promise<readonly ArtifactStat[]>
  /** Answers when the artifact is on disk. TOO_LARGE, DIGEST_MISMATCH. */
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
}

/** Opens the store in a folder, made if absent. Throws CONFIG_INVALID. */
export function openArtifactStore(folder: string, limits: ArtifactLimits = {}): ArtifactStore {
  const { maxBytes = 2 ** 30, cacheBytes = 64 * 2 ** 20 } = limits
  const files = makeArtifactFiles(folder)
  const locks = new KeyedLock()
  const small = new Lru<Uint8Array>(cacheBytes, (bytes) => bytes.length)
  const known = new Lru<number>(knownArtifacts, () => 1)

  const storedSize = async (hex: string): Promise<number | undefined> => {
    const size = known.get(hex) ?? (await sizeOf(files.whole(hex)))
    if (size !== undefined) known.set(hex, size)
    return size
  }

  const statOne = async (digest: string): Promise<ArtifactStat> => {
    const hex = hexOf(digest)
    const size = known.get(hex) ?? (await sizeOf(files.whole(hex)))
    // A file that is being put in place may be seen before it is sure to outlast a power cut.
    const present = size !== undefined && (known.get(hex) !== undefined || !locks.held(hex))
    if (!present) return { digest, present, size: (await sizeOf(files.partial(hex))) ?? 0 }
    known.set(hex, size)
    return { digest, present, size }
  }

  const requireSize = (size: number): void => {
    if (size > maxBytes) {
      throw fail('TOO_LARGE', `artifact: expected at most ${maxBytes} bytes, got ${size}`)
    }
  }

  const write = async (hex: string, bytes: Uint8Array): Promise<void> => {
    const partial = files.partial(hex)
    try {
      await using file = await open(partial, 'w', 0o600)
      await file.writeFile(bytes)
      await file.sync()
    } catch (thrown) {
      await remove(partial)
      throw thrown
    }
    await publish(partial, files.whole(hex))
    known.set(hex, bytes.length)
  }

  return {
    stat: (digests) => coded(() => Promise.all(digests.map(statOne))),

    put: (digest, bytes) =>
      coded(async () => {
        const hex = hexOf(digest)
        requireSize(bytes.length)
        const got = createHash('sha256').update(bytes).digest('hex')
        if (got !== hex) throw digestMismatch(hex, got)
        await locks.run(hex, async () => {
          if ((await storedSize(hex)) === undefined) await write(hex, bytes)
        })
        if (bytes.length <= smallBytes) small.set(hex, own(bytes))
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
        await using file = await openExisting(files.whole(hex))
        if (!file) {
          known.delete(hex)
          throw fail('ARTIFACT_NOT_FOUND', `artifact ${digest} is not stored`)
        }
        yield* chunksOf(file, offset)
      } catch (thrown) {
        throw VortaError.from(thrown)
      }
    },

    get: (digest, maxBytes) =>
      coded(async () => {
        const hex = hexOf(digest)
        const cached = small.get(hex)
        if (cached) return cached.length <= maxBytes ? cached : undefined
        await using file = await openExisting(files.whole(hex))
        if (!file || (await file.stat()).size > maxBytes) return undefined
        const bytes = own(await file.readFile())
        if (bytes.length <= smallBytes) small.set(hex, bytes)
        return bytes
      }),
  }
}

async function* chunksOf(file: FileHandle, from: number): AsyncGenerator<ArtifactChunk> {
  const { size } = await file.stat()
  if (!isOffset(from) || from > size) {
    throw fail('OFFSET_MISMATCH', `read: expected an offset up to ${size}, got ${from}`)
  }
  let offset = from
  do {
    const data = new Uint8Array(Math.min(chunkBytes, size - offset))
    const { bytesRead } = await file.read(data, 0, data.length, offset)
    if (bytesRead !== data.length) throw fail('INTERNAL', 'read: the artifact was cut short')
    const end = offset + bytesRead
    yield { offset, data, last: end === size }
    offset = end
  } while (offset < size)
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

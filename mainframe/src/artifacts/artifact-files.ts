// Where artifacts lie on disk: whole ones in `sha256/<first two digits>/<hex>`,
// unfinished ones in `uploads/<hex>`. A file moves from the second to the first
// in one step and only when all its bytes are on disk, so what lies there is whole.

import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fail } from '@vorta/core'

/** Largest piece that is read, hashed or sent at a time. */
export const chunkBytes = 256 * 1024

export type ArtifactFiles = {
  whole(hex: string): string
  partial(hex: string): string
}

/** Makes the folders and puts them on disk. Throws CONFIG_INVALID. */
export function makeArtifactFiles(folder: string): ArtifactFiles {
  const uploads = join(folder, 'uploads')
  const root = join(folder, 'sha256')
  const shards = Array.from({ length: 256 }, (_, byte) =>
    join(root, byte.toString(16).padStart(2, '0')),
  )
  try {
    for (const path of [uploads, ...shards]) mkdirSync(path, { recursive: true, mode: 0o700 })
    for (const path of [root, folder]) {
      const handle = openSync(path, 'r')
      fsyncSync(handle)
      closeSync(handle)
    }
  } catch (cause) {
    throw fail('CONFIG_INVALID', `artifact folder ${folder}: cannot be used`, { cause })
  }
  return {
    whole: (hex) => join(root, hex.slice(0, 2), hex),
    partial: (hex) => join(uploads, hex),
  }
}

export const remove = (path: string): Promise<void> => rm(path, { force: true })

/** Size of a file in bytes; undefined where there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined
    throw thrown
  }
}

/** Opens a file to read; undefined where there is none. */
export async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined
    throw thrown
  }
}

const isAbsent = (thrown: unknown): boolean => (thrown as NodeJS.ErrnoException).code === 'ENOENT'

/** SHA-256, in hex, of what lies on disk. */
export async function hashFile(path: string): Promise<string> {
  await using file = await open(path, 'r')
  const hash = createHash('sha256')
  const buffer = new Uint8Array(chunkBytes)
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(buffer.subarray(0, bytesRead))
  }
}

/** Moves a file whose bytes are on disk to its place, and answers when the move is on disk too. */
export async function publish(from: string, to: string): Promise<void> {
  await rename(from, to)
  await using folder = await open(dirname(to), 'r')
  await folder.sync()
}

/** Stores bytes whose digest was checked. */
export async function writeWhole(
  files: ArtifactFiles,
  hex: string,
  bytes: Uint8Array,
): Promise<void> {
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
}

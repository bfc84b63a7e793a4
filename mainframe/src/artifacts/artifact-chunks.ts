// An artifact in pieces small enough to send, from memory or from a file.

import type { FileHandle } from 'node:fs/promises'
import { fail } from '@vorta/core'
import { chunkBytes } from './artifact-files.ts'
import { isOffset } from './artifact-upload.ts'

export type ArtifactChunk = {
  readonly offset: number
  readonly data: Uint8Array
  /** Whether the artifact ends with this chunk. */
  readonly last: boolean
}

type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

export const readBytes =
  (bytes: Uint8Array): ReadAt =>
  async (offset, length) =>
    bytes.subarray(offset, offset + length)

export const readFile =
  (file: FileHandle): ReadAt =>
  async (offset, length) => {
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, offset)
    if (bytesRead !== length) throw fail('INTERNAL', 'read: the artifact was cut short')
    return buffer
  }

/** At least one chunk, even of nothing, so that there is a last one. OFFSET_MISMATCH. */
export async function* chunksOf(
  size: number,
  from: number,
  read: ReadAt,
): AsyncGenerator<ArtifactChunk> {
  if (!isOffset(from) || from > size) {
    throw fail('OFFSET_MISMATCH', `read: expected an offset up to ${size}, got ${from}`)
  }
  let offset = from
  do {
    const data = await read(offset, Math.min(chunkBytes, size - offset))
    yield { offset, data, last: offset + data.length === size }
    offset += data.length
  } while (offset < size)
}

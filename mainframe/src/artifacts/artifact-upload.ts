// Receiving an artifact in chunks, perhaps over several connections. The digest
// is checked over what lies on disk at the end, whoever wrote which part of it.

import { open } from 'node:fs/promises'
import { fail } from '@vorta/core'
import { type ArtifactFiles, hashFile, publish, remove, sizeOf } from './artifact-files.ts'

export type Upload = {
  /** SHA-256 that the whole must have. */
  readonly hex: string
  /** Bytes of the whole. */
  readonly size: number
  /** Where the first chunk goes; must be what is stored. */
  readonly offset: number
  readonly chunks: AsyncIterable<Uint8Array>
}

/** The caller sees to it that no other upload of the same artifact runs. */
export async function receiveUpload(files: ArtifactFiles, upload: Upload): Promise<void> {
  const { hex, size, offset } = upload
  const partial = files.partial(hex)
  const stored = (await sizeOf(partial)) ?? 0
  if (offset !== stored) {
    throw fail('OFFSET_MISMATCH', `upload: expected offset ${stored}, got ${offset}`, {
      meta: { offset: stored },
    })
  }
  const received = await append(partial, upload)
  if (received < size) {
    throw fail('INVALID_ARGUMENT', `upload: expected ${size} bytes, got ${received}`, {
      meta: { offset: received },
    })
  }
  if (received > size) {
    await remove(partial)
    throw fail('TOO_LARGE', `upload: expected ${size} bytes, got more`)
  }
  const got = await hashFile(partial)
  if (got !== hex) {
    await remove(partial)
    throw digestMismatch(hex, got)
  }
  await publish(partial, files.whole(hex))
}

/** Writes what arrives, never more than `size` in all; gives the count of bytes that arrived. */
async function append(path: string, { size, offset, chunks }: Upload): Promise<number> {
  await using file = await open(path, 'a', 0o600)
  let received = offset
  for await (const chunk of chunks) {
    received += chunk.length
    if (received > size) return received
    await file.writeFile(chunk)
  }
  await file.sync()
  return received
}

export const isOffset = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

export const digestMismatch = (expected: string, got: string) =>
  fail('DIGEST_MISMATCH', `artifact: expected sha256:${expected}, got sha256:${got}`)

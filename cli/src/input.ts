// Files named on the command line; `-` is standard input.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Bytes, concat, digestOf, fail, own } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { Io } from './io.ts'

/** Largest document read into memory where a command names no limit of its own. */
export const maxDocumentBytes = 16 * 2 ** 20

/** Reads a file, or stdin for `-`. Throws FILE_UNREADABLE or TOO_LARGE. */
export async function readInput(io: Io, path: string, max = maxDocumentBytes): Promise<Bytes> {
  const tooLarge = () => fail('TOO_LARGE', `${path}: expected at most ${max} bytes`)
  if (path !== '-') {
    const absolute = resolve(io.cwd, path)
    const found = await stat(absolute).catch(unreadable(path))
    if (found.size > max) throw tooLarge()
    return own(await readFile(absolute).catch(unreadable(path)))
  }
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of io.stdin) {
    size += part.length
    if (size > max) throw tooLarge()
    parts.push(part)
  }
  return concat(...parts)
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'is a folder',
  EACCES: 'permission denied',
}

/** A handler that turns what the file system says into FILE_UNREADABLE. */
export const unreadable =
  (path: string) =>
  (cause: NodeJS.ErrnoException): never => {
    const reason = reasons[cause.code ?? ''] ?? cause.message
    throw fail('FILE_UNREADABLE', `${path}: ${reason}`, { cause })
  }

/** Something to upload: known by digest and size, readable from any offset. */
export type Source = {
  /** What to call it when talking about it. */
  readonly label: string
  /** `sha256:<64 hex digits>`. */
  readonly digest: string
  readonly size: number
  readonly read: (offset: number) => AsyncIterable<Uint8Array>
}

/** Bytes made here as a source. */
export const bytesSource = (bytes: Uint8Array, label: string): Source => ({
  label,
  digest: digestOf(nodeCrypto, bytes),
  size: bytes.length,
  read: async function* (offset) {
    yield bytes.subarray(offset)
  },
})

/** A file of any size as a source; only its hash is taken now. Throws FILE_UNREADABLE. */
export async function fileSource(io: Io, path: string, label: string): Promise<Source> {
  const absolute = resolve(io.cwd, path)
  const hash = createHash('sha256')
  let size = 0
  const handle = await open(absolute).catch(unreadable(path))
  try {
    for await (const part of handle.createReadStream()) {
      hash.update(part)
      size += part.length
    }
  } catch (cause) {
    unreadable(path)(cause as NodeJS.ErrnoException)
  } finally {
    await handle.close()
  }
  return {
    label,
    digest: `sha256:${hash.digest('hex')}`,
    size,
    read: (offset) => createReadStream(absolute, { start: offset }),
  }
}

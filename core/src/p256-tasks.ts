// Signatures to verify as they travel to a thread: one block of bytes for many,
// since copying an object costs more than copying what is in it.
// Each task is x, y (32 bytes each), r||s (64), the length of the data (4, big-endian), the data.

import type { Bytes } from './bytes.ts'
import type { P256PublicKey } from './crypto.ts'

export type P256Task = {
  readonly key: P256PublicKey
  readonly data: Uint8Array
  /** r||s, 64 bytes. */
  readonly signature: Uint8Array
}

export type ThreadOptions = { readonly maxKeys: number }

const headLength = 132

export function packTasks(tasks: readonly P256Task[]): Bytes {
  const length = tasks.reduce((sum, { data }) => sum + headLength + data.length, 0)
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  let at = 0
  for (const { key, data, signature } of tasks) {
    out.set(key.x, at)
    out.set(key.y, at + 32)
    out.set(signature, at + 64)
    view.setUint32(at + 128, data.length)
    out.set(data, at + headLength)
    at += headLength + data.length
  }
  return out
}

export function unpackTasks(packed: Uint8Array): P256Task[] {
  const view = new DataView(packed.buffer, packed.byteOffset)
  const tasks: P256Task[] = []
  for (let at = 0; at < packed.length; ) {
    const end = at + headLength + view.getUint32(at + 128)
    tasks.push({
      key: { x: packed.subarray(at, at + 32), y: packed.subarray(at + 32, at + 64) },
      signature: packed.subarray(at + 64, at + 128),
      data: packed.subarray(at + headLength, end),
    })
    at = end
  }
  return tasks
}

// The checkpoints seen so far, a file for each endpoint. A log that once showed
// one history can not show this program another. Kept by endpoint, not by the
// log's own name: a log that lies would simply take another name.

import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fail } from '@vorta/core'
import { type Decoded, decode, object, string } from '@vorta/core/decode'
import type { Io } from './io.ts'

const decoder = object({
  endpoint: string({ max: 4096 }),
  /** The log's key as a C2SP vkey. */
  key: string({ max: 512 }),
  /** A signed note. */
  checkpoint: string({ max: 16_384 }),
})
export type Remembered = Decoded<typeof decoder>

export function rememberedPath({ env }: Io, endpoint: string): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local/state')
  const name = createHash('sha256').update(endpoint).digest('hex').slice(0, 32)
  return join(state, 'vorta/logs', `${name}.json`)
}

/** Undefined where this endpoint's log was never verified. Throws CONFIG_INVALID. */
export async function recall(io: Io, endpoint: string): Promise<Remembered | undefined> {
  const path = rememberedPath(io, endpoint)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fail('CONFIG_INVALID', `${path}: cannot be read`, { cause: thrown })
  }
  const damaged = (reason: string) => fail('CONFIG_INVALID', `${path}: ${reason}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw damaged('is not JSON')
  }
  return decode(decoder, value, damaged)
}

export async function remember(io: Io, seen: Remembered): Promise<void> {
  const path = rememberedPath(io, seen.endpoint)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // Written aside and renamed: half a memory would be worse than an old one.
  const fresh = `${path}.${process.pid}`
  await writeFile(fresh, `${JSON.stringify(seen, null, 2)}\n`, { mode: 0o600 })
  await rename(fresh, path)
}

// The keys of sealed inputs: one file a job, readable by its owner only. They
// never leave this machine but sealed to an enclave. Each is found by its
// commitment, which stands in the job's spec, so that a wait that was broken off
// can be taken up from the job alone.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fail } from '@vorta/core'
import { base64, type Decoded, decode, integer, object, sha256Hex } from '@vorta/core/decode'
import type { Io } from './io.ts'

const decoder = object({
  commitment: sha256Hex,
  /** 32 bytes, base64. */
  key: base64(32, 32),
  /** SHA-256 of the canonical spec that was submitted, hex: released for no other. */
  spec: sha256Hex,
  /** How often it was released so far. */
  releases: integer(0, 1_000_000),
})
export type ContentKey = Decoded<typeof decoder>

export function contentKeyPath({ env }: Io, commitment: string): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local/state')
  return join(state, 'vorta/keys', `${commitment}.json`)
}

/** Throws KEY_UNKNOWN, or CONFIG_INVALID where the file is damaged. */
export async function readContentKey(io: Io, commitment: string): Promise<ContentKey> {
  const path = contentKeyPath(io, commitment)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw fail('KEY_UNKNOWN', `${path}: the key of this job's inputs is not here`, {
      cause,
      hints: ['release it from the machine and account that submitted the job'],
    })
  }
  const damaged = (reason: string) => fail('CONFIG_INVALID', `${path}: ${reason}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw damaged('is not JSON')
  }
  const kept = decode(decoder, value, damaged)
  if (kept.commitment !== commitment) throw damaged('holds another key')
  return kept
}

/** On disk when it returns, whole or not at all. */
export async function writeContentKey(io: Io, kept: ContentKey): Promise<void> {
  const path = contentKeyPath(io, kept.commitment)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const fresh = `${path}.${process.pid}`
  await writeFile(fresh, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600, flush: true })
  await rename(fresh, path)
}

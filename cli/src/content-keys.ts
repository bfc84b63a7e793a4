// The keys of sealed inputs: one file a job, readable by its owner only. They
// never leave this machine but sealed to an enclave. Each is found by its
// commitment, which stands in the job's spec, so that a wait that was broken off
// can be taken up from the job alone.

import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { writeDurably } from '@vorta/attestation/collateral-service/durable-file'
import { createMutex } from '@vorta/attestation/providers/mutex'
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
  // Without the decoder's words, which would quote the key.
  const kept = decode(decoder, value, () => damaged('is not the key of a job'))
  if (kept.commitment !== commitment) throw damaged('holds another key')
  return kept
}

/** On disk when it returns, whole or not at all. */
export const writeContentKey = (io: Io, kept: ContentKey): Promise<void> =>
  writeDurably(contentKeyPath(io, kept.commitment), `${JSON.stringify(kept, null, 2)}\n`)

const oneByOne = createMutex()

/**
 * Counts one more release; on disk when it returns. Several may be under way, as a server can
 * arrange it, so the file is looked at anew. Throws RELEASES_EXHAUSTED and as readContentKey.
 */
export const countRelease = (io: Io, commitment: string, most: number): Promise<void> =>
  oneByOne(async () => {
    const kept = await readContentKey(io, commitment)
    if (kept.releases >= most) {
      throw fail('RELEASES_EXHAUSTED', `the key was released ${kept.releases} times already`, {
        hints: ['allow more with --max-releases'],
      })
    }
    await writeContentKey(io, { ...kept, releases: kept.releases + 1 })
  })

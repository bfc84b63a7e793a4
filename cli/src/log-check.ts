// Checks a log's newest checkpoint against the key one pins and against what one
// has seen before.

import { fail, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  type Checkpoint,
  openNote,
  parseCheckpoint,
  parseNote,
  parseVkey,
  verifyConsistency,
} from '@vorta/receipt'
import type { Server } from './server.ts'

/** A checkpoint whose signature by `vkey` verified. Throws VerificationError. */
export async function openCheckpoint(note: string, vkey: string): Promise<Checkpoint> {
  const key = parseVkey(nodeCrypto, vkey)
  const checkpoint = parseCheckpoint(await openNote(nodeCrypto, parseNote(note), key))
  if (checkpoint.origin === key.name) return checkpoint
  throw new VerificationError(
    'LOG_ORIGIN_MISMATCH',
    `checkpoint: expected origin ${key.name}, got ${checkpoint.origin}`,
  )
}

/** The log only added to `before`. Throws VerificationError. */
export async function requireGrown(
  server: Server,
  before: Checkpoint,
  after: Checkpoint,
): Promise<void> {
  if (before.size > after.size) {
    throw new VerificationError(
      'CONSISTENCY_MISMATCH',
      `log ${after.origin}: had ${before.size} entries when last seen, now has ${after.size}`,
    )
  }
  // The empty tree is the beginning of every log.
  if (before.size === 0) return
  const proof =
    before.size === after.size
      ? []
      : (
          await server.log.getConsistencyProof({
            oldSize: BigInt(before.size),
            newSize: BigInt(after.size),
          })
        ).hashes
  verifyConsistency(nodeCrypto, {
    oldSize: before.size,
    oldRoot: before.root,
    newSize: after.size,
    newRoot: after.root,
    proof,
  })
}

/** The server's word against the key one pins. Throws VerificationError. */
export function requireSameKey(pinned: string, offered: string, origin: string): void {
  if (pinned === offered) return
  throw new VerificationError(
    'LOG_NOT_TRUSTED',
    `log key: expected ${pinned} (${origin}), got ${offered}`,
  )
}

/** A vkey given by hand. Throws USAGE. */
export function checkVkey(text: string): string {
  try {
    parseVkey(nodeCrypto, text)
    return text
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw fail('USAGE', `--log-key: ${cause.message}`, { cause })
  }
}

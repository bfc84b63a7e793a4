// The log's own key: Ed25519, as C2SP checkpoints want, in the data folder. It
// is made at the first start and never replaced: whoever pinned its vkey would
// take a log under another key for another log.

import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { join } from 'node:path'
import { fail, own } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { openKeyFile } from '@vorta/core/server/key-file'
import { formatVkey, type NoteKey, noteKey } from '@vorta/receipt/note'

export type LogKey = {
  /** Public part; its name is the origin of the log. */
  readonly note: NoteKey
  /** C2SP vkey, what relying parties pin. */
  readonly vkey: string
  /** Ed25519 signature of the bytes. */
  readonly sign: (data: Uint8Array) => Uint8Array
}

/**
 * Reads `log.key` in the data folder, or makes it. Throws CONFIG_INVALID where the file
 * is no Ed25519 key, others may read it, or the origin cannot name a key.
 */
export function openLogKey(folder: string, origin: string): LogKey {
  const key = openKeyFile({
    path: join(folder, 'log.key'),
    what: 'log key',
    make: () => generateKeyPairSync('ed25519').privateKey,
    check: (key) => (key.asymmetricKeyType === 'ed25519' ? undefined : 'an Ed25519 key'),
    hint: 'restore it from a backup: receipts of this log verify under no other key',
  })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  // The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key, RFC 8410 section 4.
  const note = named(origin, own(spki.subarray(-32)))
  return { note, vkey: formatVkey(note), sign: (data) => own(sign(null, data, key)) }
}

function named(origin: string, key: Uint8Array): NoteKey {
  try {
    return noteKey(nodeCrypto, origin, key)
  } catch (cause) {
    throw fail('CONFIG_INVALID', `log origin: expected a name without spaces, got "${origin}"`, {
      cause,
    })
  }
}

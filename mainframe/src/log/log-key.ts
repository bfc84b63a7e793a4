// The log's own key: Ed25519, as C2SP checkpoints want, in the data folder. It
// is made at the first start and never replaced: whoever pinned its vkey would
// take a log under another key for another log.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fail, own, type VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
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
  const path = join(folder, 'log.key')
  const key = readKey(path) ?? makeKey(folder, path)
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

function readKey(path: string): KeyObject | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, 'cannot be read', cause)
  }
  try {
    if ((fstatSync(file).mode & 0o077) !== 0) {
      throw unusable(path, 'expected mode 0600, got one that lets others in')
    }
    return parseKey(path, readFileSync(file, 'utf8'))
  } finally {
    closeSync(file)
  }
}

function parseKey(path: string, pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw unusable(path, 'expected a PKCS#8 PEM', cause)
  }
  throw unusable(path, 'expected an Ed25519 key')
}

function makeKey(folder: string, path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519')
  const draft = `${path}.${process.pid}`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = openSync(draft, 'wx', 0o600)
    writeSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    fsyncSync(file)
    closeSync(file)
    // A link does not replace: of two first starts at once, one makes the key.
    linkSync(draft, path)
    syncFolder(folder)
    return privateKey
  } catch (cause) {
    throw unusable(path, 'cannot be made', cause)
  } finally {
    rmSync(draft, { force: true })
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

const unusable = (path: string, why: string, cause?: unknown): VortaError =>
  fail('CONFIG_INVALID', `log key ${path}: ${why}`, {
    cause,
    hints: ['restore it from a backup: receipts of this log verify under no other key'],
  })

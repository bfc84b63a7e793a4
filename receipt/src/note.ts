// C2SP signed notes: a text, a blank line, signature lines. Only Ed25519 keys
// (type 0x01) are known here. A note is opened with one key the reader already
// has; signatures by other keys are not looked at.

import {
  type Bytes,
  type Crypto,
  concat,
  equal,
  fromBase64,
  toBase64,
  toHex,
  utf8,
} from '@vorta/core'
import { type Decoder, string } from '@vorta/core/decode'
import { refuse } from './errors.ts'

/** A log's public key; its text form is a C2SP vkey. */
export type NoteKey = {
  readonly name: string
  /** The first 4 bytes of SHA-256(name || "\n" || type || key). */
  readonly id: Uint8Array
  /** Ed25519, 32 bytes. */
  readonly key: Uint8Array
}

export type NoteSignature = {
  readonly name: string
  readonly id: Uint8Array
  readonly signature: Uint8Array
}

export type Note = {
  /** What is signed, with its last newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

const ed25519 = 0x01
/** A checkpoint is about 250 bytes; room for witnesses and no more. */
const maxNoteLength = 16 * 1024
const maxSignatures = 32

const keyName = /^[^\p{White_Space}\p{Cc}+]{1,256}$/u

/** A vkey by its looks: name, 8 hex digits, 33 bytes of base64. parseVkey checks the key id too. */
export const vkeyText: Decoder<string> = string({
  pattern: /^[^\p{White_Space}\p{Cc}+]{1,256}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/u,
  what: 'an Ed25519 key as a C2SP vkey',
})

const keyId = (crypto: Crypto, name: string, key: Uint8Array): Bytes =>
  crypto.sha256(concat(utf8(`${name}\n`), Uint8Array.of(ed25519), key)).slice(0, 4)

/** `<name>+<8 hex digits>+<base64(type || key)>`. */
export const formatVkey = ({ name, id, key }: NoteKey): string =>
  `${name}+${toHex(id)}+${toBase64(concat(Uint8Array.of(ed25519), key))}`

/** Names an Ed25519 public key. Throws LOG_KEY_MALFORMED. */
export function noteKey(crypto: Crypto, name: string, key: Uint8Array): NoteKey {
  if (!keyName.test(name) || !name.isWellFormed() || key.length !== 32) {
    throw refuse('LOG_KEY_MALFORMED', `log key: expected a name and 32 bytes, got ${quote(name)}`)
  }
  return { name, key, id: keyId(crypto, name, key) }
}

/** Throws LOG_KEY_MALFORMED. */
export function parseVkey(crypto: Crypto, text: string): NoteKey {
  const [, name = '', id = '', data = ''] = /^([^+]*)\+([^+]*)\+(.*)$/su.exec(text) ?? []
  const bytes = fromBase64(data)
  if (bytes?.length !== 33 || bytes[0] !== ed25519) {
    throw refuse('LOG_KEY_MALFORMED', `log key: expected an Ed25519 vkey, got ${quote(text)}`)
  }
  const parsed = noteKey(crypto, name, bytes.slice(1))
  if (toHex(parsed.id) !== id) {
    throw refuse(
      'LOG_KEY_MALFORMED',
      `log key: expected key id ${toHex(parsed.id)}, got ${quote(id)}`,
    )
  }
  return parsed
}

/** Signs a text that ends in a newline; `sign` makes the Ed25519 signature of the bytes. */
export async function signNote(
  text: string,
  key: NoteKey,
  sign: (data: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  const signature = await sign(utf8(text))
  return `${text}\n— ${key.name} ${toBase64(concat(key.id, signature))}\n`
}

/** Takes a note apart without believing it. Throws NOTE_MALFORMED. */
export function parseNote(note: string): Note {
  if (note.length > maxNoteLength) throw malformed(`at most ${maxNoteLength} characters`, note)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the format forbids them
  if (!note.isWellFormed() || /[\x00-\x09\x0b-\x1f\x7f]/.test(note)) {
    throw malformed('text without control characters', note)
  }
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) throw malformed('a text, a blank line, signatures', note)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > maxSignatures) throw malformed(`at most ${maxSignatures} signatures`, note)
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) }
}

function parseSignature(line: string): NoteSignature {
  const [, name = '', data = ''] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? []
  const bytes = fromBase64(data)
  if (!keyName.test(name) || !bytes || bytes.length < 5) throw malformed('a signature line', line)
  return { name, id: bytes.slice(0, 4), signature: bytes.slice(4) }
}

/**
 * The text of a note, once its signature by `key` verifies.
 * Throws CHECKPOINT_KEY where there is not exactly one such signature, CHECKPOINT_SIGNATURE.
 */
export async function openNote(crypto: Crypto, note: Note, key: NoteKey): Promise<string> {
  const found = note.signatures.filter(({ name, id }) => name === key.name && equal(id, key.id))
  const [signature] = found
  if (found.length !== 1 || !signature) {
    const got = note.signatures.map(({ name, id }) => `${name}+${toHex(id)}`).join(', ')
    throw refuse(
      'CHECKPOINT_KEY',
      `checkpoint: expected one signature by ${key.name}+${toHex(key.id)}, got ${got.slice(0, 200)}`,
    )
  }
  if (!(await crypto.verifyEd25519(key.key, utf8(note.text), signature.signature))) {
    throw refuse('CHECKPOINT_SIGNATURE', `checkpoint: the signature of ${key.name} does not verify`)
  }
  return note.text
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 100))

const malformed = (expected: string, got: string) =>
  refuse('NOTE_MALFORMED', `signed note: expected ${expected}, got ${quote(got)}`)

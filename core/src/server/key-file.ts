// A private key in a file: PKCS#8 PEM that only its owner can read, made at the
// first start and never replaced, for others have pinned its public part.

import { createPrivateKey, type KeyObject } from 'node:crypto'
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
import { dirname } from 'node:path'
import { fail } from '../errors.ts'

export type KeyFileOptions = {
  readonly path: string
  /** For error texts, such as "log key". */
  readonly what: string
  readonly make: () => KeyObject
  /** What kind of key it has to be; undefined where it is, else what was expected. */
  readonly check: (key: KeyObject) => string | undefined
  /** What to do about a file that cannot be used. */
  readonly hint: string
}

/** Reads the key, or makes it. Throws CONFIG_INVALID where the file holds another, or lets others in. */
export function openKeyFile(options: KeyFileOptions): KeyObject {
  return readKey(options) ?? makeKey(options)
}

function readKey(options: KeyFileOptions): KeyObject | undefined {
  let file: number
  try {
    file = openSync(options.path, 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(options, 'cannot be read', cause)
  }
  try {
    if ((fstatSync(file).mode & 0o077) !== 0) {
      throw unusable(options, 'expected mode 0600, got one that lets others in')
    }
    return parseKey(options, readFileSync(file, 'utf8'))
  } finally {
    closeSync(file)
  }
}

function parseKey(options: KeyFileOptions, pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (cause) {
    throw unusable(options, 'expected a PKCS#8 PEM', cause)
  }
  const expected = options.check(key)
  if (expected === undefined) return key
  throw unusable(options, `expected ${expected}`)
}

function makeKey(options: KeyFileOptions): KeyObject {
  const { path } = options
  const key = options.make()
  const draft = `${path}.${process.pid}`
  const folder = dirname(path)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = openSync(draft, 'wx', 0o600)
    writeSync(file, key.export({ type: 'pkcs8', format: 'pem' }).toString())
    fsyncSync(file)
    closeSync(file)
    // A link does not replace: of two first starts at once, one makes the key.
    linkSync(draft, path)
    syncFolder(folder)
    return key
  } catch (cause) {
    throw unusable(options, 'cannot be made', cause)
  } finally {
    rmSync(draft, { force: true })
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

const unusable = ({ what, path, hint }: KeyFileOptions, why: string, cause?: unknown) =>
  fail('CONFIG_INVALID', `${what} ${path}: ${why}`, { cause, hints: [hint] })

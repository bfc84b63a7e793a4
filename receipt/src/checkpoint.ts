// The C2SP tlog-checkpoint: the text of a signed note, `origin`, `size` and
// `base64(root)` on a line each. Extension lines are refused: nothing here
// would look at them.

import { fromBase64, toBase64 } from '@vorta/core'
import { refuse } from './errors.ts'

export type Checkpoint = {
  readonly origin: string
  /** Number of entries, at most 2^53 - 1. */
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
}

export const formatCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${toBase64(root)}\n`

/** Reads the text of a note whose signature was verified. Throws CHECKPOINT_MALFORMED. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', digits = '', hash = '', end, ...extensions] = text.split('\n')
  const size = /^(?:0|[1-9][0-9]{0,15})$/.test(digits) ? Number(digits) : Number.NaN
  const root = fromBase64(hash)
  if (origin === '' || end !== '' || extensions.length > 0) {
    throw malformed('three lines: origin, size, root', text)
  }
  if (!Number.isSafeInteger(size)) throw malformed('a size in canonical decimal', digits)
  if (root?.length !== 32) throw malformed('a root of 32 bytes in base64', hash)
  return { origin, size, root }
}

const malformed = (expected: string, got: string) =>
  refuse(
    'CHECKPOINT_MALFORMED',
    `checkpoint: expected ${expected}, got ${JSON.stringify(got.slice(0, 100))}`,
  )

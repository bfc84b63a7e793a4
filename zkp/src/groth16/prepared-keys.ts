// Prepared keys by digest, the least recently used given up first. The digest
// is of the key's bytes: a name chosen by somebody else cannot stand for a key.

import type { PreparedKey } from './engine.ts'

export type PreparedKeys = {
  readonly get: (digest: string, prepare: () => PreparedKey) => PreparedKey
}

export function createPreparedKeys(limit: number): PreparedKeys {
  const kept = new Map<string, PreparedKey>() // oldest use first
  return {
    get: (digest, prepare) => {
      const key = kept.get(digest) ?? prepare()
      kept.delete(digest)
      kept.set(digest, key)
      const [oldest] = kept
      if (kept.size > limit && oldest) {
        kept.delete(oldest[0])
        oldest[1].release()
      }
      return key
    },
  }
}

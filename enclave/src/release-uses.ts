// How often each release was used. In memory only: a restarted enclave has other
// keys, so that no release of before opens in it. The host controls the clock;
// here it never runs back, so that a release that has expired stays so.

import { refuse } from '@vorta/attestation/sealing/codes'
import { type Clock, fail } from '@vorta/core'

// Each takes some 200 bytes. A host that fills it up only harms itself.
const maxRemembered = 100_000

export type ReleaseUses = {
  /** Milliseconds; never less than before. */
  readonly now: () => number
  /** Counts one use. `notAfter` in milliseconds. Throws RELEASE_USED_UP or ENCLAVE_FAILED. */
  readonly count: (digest: string, maxUses: number, notAfter: number) => void
}

export function createReleaseUses(clock: Clock): ReleaseUses {
  const used = new Map<string, { times: number; readonly notAfter: number }>()
  let latest = 0

  const now = (): number => {
    latest = Math.max(latest, clock.now())
    return latest
  }

  return {
    now,
    count: (digest, maxUses, notAfter) => {
      const known = used.get(digest)
      if (known) {
        if (known.times >= maxUses) {
          throw refuse('RELEASE_USED_UP', `release ${digest}: was used ${maxUses} times already`)
        }
        known.times += 1
        return
      }
      if (used.size >= maxRemembered) {
        for (const [old, { notAfter: end }] of used) if (end < now()) used.delete(old)
        if (used.size >= maxRemembered) {
          throw fail('ENCLAVE_FAILED', `the enclave remembers ${maxRemembered} releases already`)
        }
      }
      used.set(digest, { times: 1, notAfter })
    },
  }
}

// The lease row: one leader at a time, each with a larger epoch than the one
// before. The lease bounds how long a silent leader blocks its successor; the
// epoch, checked in every commit, is what makes a late one harmless.

import type { DatabaseSync } from 'node:sqlite'
import { fail } from '@vorta/core'
import { transaction } from '@vorta/core/store/sqlite'

type LeaseRow = { readonly epoch: number; readonly holder: string; readonly until: number }

export type Lease = {
  /** The new epoch. STORE_LOCKED while another holder's lease runs. */
  take(holder: string, now: number, until: number): number
  /** FENCED unless the epoch is the newest and was not given up. */
  renew(epoch: number, until: number): void
  release(epoch: number): void
  /** FENCED unless the epoch is the newest and was not given up. */
  check(epoch: number): void
}

export function sqliteLease(db: DatabaseSync): Lease {
  const read = db.prepare('SELECT epoch, holder, until FROM lease')
  const write = db.prepare('UPDATE lease SET epoch = ?, holder = ?, until = ?')
  const extend = db.prepare("UPDATE lease SET until = ? WHERE epoch = ? AND holder <> ''")
  const drop = db.prepare(`UPDATE lease SET holder = '', until = 0 WHERE epoch = ?`)
  const lease = () => read.get() as LeaseRow

  const fenced = (epoch: number) => {
    const { epoch: newest, holder } = lease()
    const got = holder === '' ? 'which was given up' : `led by ${holder}`
    return fail('FENCED', `lease: expected epoch ${epoch}, got ${newest}, ${got}`)
  }

  return {
    take: (holder, now, until) =>
      transaction(db, () => {
        const held = lease()
        if (held.until > now && held.holder !== holder) {
          throw fail('STORE_LOCKED', `the store is led by ${held.holder}`, {
            meta: { holder: held.holder, until: held.until },
            hints: ['stop the other mainframe, or wait for its lease to run out'],
          })
        }
        write.run(held.epoch + 1, holder, until)
        return held.epoch + 1
      }),

    renew: (epoch, until) => {
      if (extend.run(until, epoch).changes === 0) throw fenced(epoch)
    },

    release: (epoch) => {
      drop.run(epoch)
    },

    check: (epoch) => {
      const held = lease()
      if (held.epoch !== epoch || held.holder === '') throw fenced(epoch)
    },
  }
}

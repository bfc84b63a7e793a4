// The embedded store: one SQLite file, nothing to install. Calls are grouped
// into transactions (group-commit.ts); a refused one leaves no trace, and the
// others of its group are not disturbed.

import type { DatabaseSync } from 'node:sqlite'
import { fail, VortaError } from '@vorta/core'
import { GroupCommit, type Outcome } from '@vorta/core/store/group-commit'
import { transaction } from '@vorta/core/store/sqlite'
import { openDatabase } from './sqlite-database.ts'
import { type Lease, sqliteLease } from './sqlite-lease.ts'
import { type Applied, sqliteMutations } from './sqlite-mutations.ts'
import { sqliteQueries } from './sqlite-queries.ts'
import type { Mutation, Store } from './store.ts'

type Call = { readonly epoch: number | null; readonly mutations: readonly Mutation[] }

/**
 * Opens the store in a folder, made if absent; `':memory:'` for one that is gone at close.
 * Throws CONFIG_INVALID where a newer Vorta wrote it, INTERNAL where folder or file cannot be used.
 */
export async function openSqliteStore(folder: string): Promise<Store> {
  const db = coded(() => openDatabase(folder))
  const lease = sqliteLease(db)
  const commits = new GroupCommit(transactor(db, lease))

  return {
    ...sqliteQueries(db),

    lead: async ({ holder, ttlMs, now }) => {
      const epoch = coded(() => lease.take(holder, now, now + ttlMs))
      return { epoch, release: async () => coded(() => lease.release(epoch)) }
    },

    renew: async (epoch, until) => coded(() => lease.renew(epoch, until)),

    commit: (epoch, mutations) => commits.submit({ epoch, mutations }),

    close: async () => {
      commits.close()
      if (db.isOpen) db.close()
    },
  }
}

function transactor(db: DatabaseSync, lease: Lease) {
  const apply = sqliteMutations(db)
  const begin = db.prepare('SAVEPOINT call')
  const release = db.prepare('RELEASE call')
  const undo = db.prepare('ROLLBACK TO call')

  const run = ({ epoch, mutations }: Call): Applied => {
    if (epoch !== null) lease.check(epoch)
    else if (mutations.some(({ kind }) => kind !== 'create-job')) {
      throw fail('FENCED', 'commit: only create-job may do without the epoch of a leader')
    }
    return coded(() => apply(mutations))
  }

  const runGuarded = (call: Call): Outcome<Applied> => {
    begin.run()
    try {
      const answer = run(call)
      release.run()
      return { answer }
    } catch (thrown) {
      // Fails where SQLite has given up the transaction: then none of the group happened.
      undo.run()
      release.run()
      return { refusal: VortaError.from(thrown) }
    }
  }

  return (calls: readonly Call[]): readonly Outcome<Applied>[] => {
    try {
      return transaction(db, () => calls.map((call) => ({ answer: run(call) })))
    } catch (thrown) {
      // Savepoints cost a fifth of the rate, so only a group with a refusal in it pays for
      // them, in a second attempt. What has no code came from the commit itself.
      if (!(thrown instanceof VortaError)) throw thrown
      return transaction(db, () => calls.map(runGuarded))
    }
  }
}

/** Lets coded errors pass and gives all others a code. */
function coded<T>(work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    throw VortaError.from(thrown)
  }
}

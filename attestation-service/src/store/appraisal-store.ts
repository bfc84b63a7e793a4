// Results on disk: one SQLite file in the data folder. What is put is durable
// when the promise resolves; those put in one turn of the event loop share a
// flush. Results older than they are kept for go as new ones come.

import { join } from 'node:path'
import { GroupCommit } from '@vorta/core/store/group-commit'
import { openMigrated, statementCache, transaction } from '@vorta/core/store/sqlite'
import type { Appraisal } from '../appraisal.ts'

/** A verdict, and the same signed: an EAR as JWT. */
export type StoredAppraisal = { readonly appraisal: Appraisal; readonly ear: string }

export type AppraisalPage = {
  readonly items: readonly Appraisal[]
  /** Where the next page begins; absent on the last one. */
  readonly next?: string
}

export type AppraisalStore = {
  put(stored: StoredAppraisal): Promise<void>
  get(id: string): StoredAppraisal | undefined
  /** Newest first. */
  list(size: number, cursor: string | undefined): AppraisalPage
  close(): void
}

const migrations = join(import.meta.dirname, 'migrations')

// Old results go a few with each commit, so that no commit takes long for it.
const forgottenPerCommit = 64

/** Throws CONFIG_INVALID where a newer Vorta wrote the file, and what SQLite throws. */
export function openAppraisalStore(folder: string, keepMs: number): AppraisalStore {
  const db = openMigrated(folder, 'attestation.db', migrations)
  const prepare = statementCache(db)
  const commits = new GroupCommit<StoredAppraisal, void>((group) => {
    transaction(db, () => {
      for (const { appraisal, ear } of group) {
        prepare('INSERT INTO appraisals (id, time, appraisal, ear) VALUES (?, ?, ?, ?)').run(
          appraisal.id,
          appraisal.time,
          JSON.stringify(appraisal),
          ear,
        )
      }
      const newest = Math.max(...group.map(({ appraisal }) => appraisal.time))
      prepare(
        'DELETE FROM appraisals WHERE number IN (SELECT number FROM appraisals WHERE time < ? LIMIT ?)',
      ).run(newest - keepMs, forgottenPerCommit)
    })
    return group.map(() => ({ answer: undefined }))
  })

  return {
    put: (stored) => commits.submit(stored),

    get: (id) => {
      const row = prepare('SELECT appraisal, ear FROM appraisals WHERE id = ?').get(id)
      return row && { appraisal: JSON.parse(String(row.appraisal)), ear: String(row.ear) }
    },

    list: (size, cursor) => {
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
      const rows = prepare(
        'SELECT number, appraisal FROM appraisals WHERE number < ? ORDER BY number DESC LIMIT ?',
      ).all(before, size + 1)
      const shown = rows.slice(0, size)
      const last = shown.at(-1)
      return {
        items: shown.map(({ appraisal }) => JSON.parse(String(appraisal))),
        ...(rows.length > size && last ? { next: String(last.number) } : {}),
      }
    },

    close: () => {
      commits.close()
      if (db.isOpen) db.close()
    },
  }
}

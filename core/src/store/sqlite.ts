// SQLite files whose commits survive a power cut, and the few helpers that all
// of ours share. No knowledge of what is in the tables.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { fail } from '../errors.ts'

/** Another process holds the file's write lock for one commit at a time: longer means stuck. */
const busyTimeoutMs = 5_000

/** Opens a database whose commits are on disk when they return. */
export function openDurable(folder: string, name: string): DatabaseSync {
  if (folder !== ':memory:') mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = folder === ':memory:' ? folder : join(folder, name)
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs })
  // NORMAL would lose the newest commits in a power cut; FULL flushes the WAL at each.
  // 4000 pages keep the WAL at about 16 MB, which is reused rather than grown. Undo
  // journals in memory: they serve savepoints only, never recovery.
  const settings = `
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA temp_store = MEMORY;
  `
  closingOnFault(db, () => db.exec(settings))
  return db
}

/**
 * Opens a database and brings its tables up to date. Throws CONFIG_INVALID where a newer
 * Vorta wrote it, and what node:fs or SQLite throw.
 */
export function openMigrated(folder: string, name: string, migrations: string): DatabaseSync {
  const db = openDurable(folder, name)
  closingOnFault(db, () => migrate(db, folder, migrations))
  return db
}

function closingOnFault(db: DatabaseSync, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    db.close()
    throw thrown
  }
}

/** `0001-….sql` takes version 0 to 1, and so on; each runs once, whole or not at all. */
function migrate(db: DatabaseSync, folder: string, migrations: string): void {
  const files = readdirSync(migrations).sort()
  transaction(db, () => {
    db.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT')
    const row = db.prepare('SELECT max(version) AS version FROM schema_version').get()
    const version = Number(row?.version ?? 0)
    if (version > files.length) {
      throw fail(
        'CONFIG_INVALID',
        `data folder ${folder}: expected schema version ${files.length} or older, got ${version}`,
        { hints: ['a newer Vorta wrote it: run that version, or choose another folder'] },
      )
    }
    for (const [index, file] of files.entries()) {
      if (index < version) continue
      db.exec(readFileSync(join(migrations, file), 'utf8'))
      db.prepare('INSERT INTO schema_version VALUES (?)').run(index + 1)
    }
  })
}

/** Runs `work` as one write transaction: all of it is on disk when this returns, or none. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (thrown) {
    // A full or failing disk makes SQLite roll back on its own.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw thrown
  }
}

/** Statements by their text, each prepared once. */
export function statementCache(db: DatabaseSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    const known = statements.get(sql)
    if (known) return known
    const prepared = db.prepare(sql)
    statements.set(sql, prepared)
    return prepared
  }
}

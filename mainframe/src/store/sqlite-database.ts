// The database file of the mainframe. No knowledge of what is in its tables;
// migrations/ says how they came to be.

import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openMigrated } from '@vorta/core/store/sqlite'

const migrations = join(import.meta.dirname, 'migrations')

/**
 * Opens `vorta.db` in a folder (made if absent), or a database in memory for tests.
 * Throws CONFIG_INVALID where a newer Vorta wrote it, and what node:fs or SQLite throw.
 */
export const openDatabase = (folder: string): DatabaseSync =>
  openMigrated(folder, 'vorta.db', migrations)

// Small artifacts as rows of one database. A file of its own costs two flushes
// each; rows share one flush among all that are put at the same time, and jobs
// bring several small artifacts each.

import type { DatabaseSync } from 'node:sqlite'
import { fail } from '@vorta/core'
import { GroupCommit } from '@vorta/core/store/group-commit'
import { openDurable, transaction } from '@vorta/core/store/sqlite'

export type SmallArtifacts = {
  /** Size in bytes; undefined where it is not here. */
  size(hex: string): number | undefined
  get(hex: string): Uint8Array | undefined
  /** Answers when it is on disk. */
  put(hex: string, bytes: Uint8Array): Promise<void>
  close(): void
}

type Put = { readonly hex: string; readonly bytes: Uint8Array }

/** Opens `small.db` in a folder, made if absent. Throws CONFIG_INVALID. */
export function openSmallArtifacts(folder: string): SmallArtifacts {
  const db = openTable(folder)
  const select = db.prepare('SELECT bytes FROM artifacts WHERE sha256 = ?')
  const selectSize = db.prepare('SELECT length(bytes) AS size FROM artifacts WHERE sha256 = ?')
  const insert = db.prepare('INSERT INTO artifacts VALUES (?, ?) ON CONFLICT DO NOTHING')
  const puts = new GroupCommit<Put, void>((group) =>
    transaction(db, () =>
      group.map(({ hex, bytes }) => {
        insert.run(Buffer.from(hex, 'hex'), bytes)
        return { answer: undefined }
      }),
    ),
  )

  return {
    size: (hex) => selectSize.get(Buffer.from(hex, 'hex'))?.size as number | undefined,
    get: (hex) => select.get(Buffer.from(hex, 'hex'))?.bytes as Uint8Array | undefined,
    put: (hex, bytes) => puts.submit({ hex, bytes }),
    close: () => {
      puts.close()
      if (db.isOpen) db.close()
    },
  }
}

function openTable(folder: string): DatabaseSync {
  try {
    const db = openDurable(folder, 'small.db')
    db.exec(
      'CREATE TABLE IF NOT EXISTS artifacts (sha256 BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT',
    )
    return db
  } catch (cause) {
    throw fail('CONFIG_INVALID', `artifact folder ${folder}: small.db cannot be used`, { cause })
  }
}

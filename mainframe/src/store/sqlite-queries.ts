// Everything that is only read. Columns are named in the SQL as the records
// spell them. A page cursor is the sort key of the last row given; whoever
// hands it to strangers authenticates it.

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { fail, VortaError } from '@vorta/core'
import { statementCache } from '@vorta/core/store/sqlite'
import {
  type CheckpointRecord,
  type EventRecord,
  type EvidenceRecord,
  type JobRecord,
  type LogEntryRecord,
  type LogNodeRecord,
  type PlacementRecord,
  terminalStates,
  type WorkerRecord,
} from '../records.ts'
import type { JobFilter, Page, Store } from './store.ts'

/** Rows of one step of `load`: no statement stays open, so writes go on in between. */
const loadStep = 500

// The terms of the partial indexes, word for word: only so does SQLite use them.
const live = `state IN ('QUEUED', 'PLACED', 'STARTING', 'RUNNING')`
const ended = `state IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED')`

const eventColumns =
  'sequence, job_uid AS jobUid, job_id AS jobId, attempt, type, state, message, time'
const evidenceColumns = 'sha256, worker, appraised_at AS appraisedAt, evidence, appraisal'
const entryColumns =
  '"index", job_uid AS jobUid, entry, envelope, evidence_sha256 AS evidenceSha256'

type JobRow = { readonly record: string }
type JobWithSpecRow = JobRow & { readonly spec: Uint8Array }
type Queries = Omit<Store, 'lead' | 'renew' | 'commit' | 'close'>

export function sqliteQueries(db: DatabaseSync): Queries {
  const { all, one } = reader(db)
  const job = (row: JobRow | undefined) => row && parseJob(row)

  return {
    async *load() {
      const sql = `SELECT record, spec FROM jobs JOIN specs ON specs.job = jobs.number
        WHERE ${live} AND uid > ? ORDER BY uid LIMIT ${loadStep}`
      let after = ''
      for (;;) {
        const jobs = all<JobWithSpecRow>(sql, after).map(parseJobWithSpec)
        yield* jobs
        const last = jobs.at(-1)
        if (!last || jobs.length < loadStep) return
        after = last.job.uid
      }
    },

    job: async (id) => job(one<JobRow>('SELECT record FROM jobs WHERE id = ?', id)),

    jobByUid: async (uid) => job(one<JobRow>('SELECT record FROM jobs WHERE uid = ?', uid)),

    spec: async (uid) =>
      one<{ spec: Uint8Array }>(
        'SELECT spec FROM specs JOIN jobs ON jobs.number = specs.job WHERE uid = ?',
        uid,
      )?.spec,

    jobs: async (filter, limit, cursor) => {
      const { where, values } = jobConditions(filter, cursor)
      const rows = all<JobWithSpecRow>(
        `SELECT record, spec FROM jobs JOIN specs ON specs.job = jobs.number
         WHERE ${where} ORDER BY uid DESC LIMIT ?`,
        ...values,
        limit + 1,
      )
      return page(rows.map(parseJobWithSpec), limit, (last) => last.job.uid)
    },

    events: async (after, limit, jobUid) => {
      const ofJob = jobUid === undefined ? '' : 'AND job_uid = ?'
      return all<EventRecord>(
        `SELECT ${eventColumns} FROM events WHERE sequence > ? ${ofJob} ORDER BY sequence LIMIT ?`,
        after,
        ...(jobUid === undefined ? [] : [jobUid]),
        limit,
      )
    },

    lastEvent: async () =>
      one<{ last: number }>('SELECT coalesce(max(sequence), 0) AS last FROM events')?.last ?? 0,

    placement: async (jobUid, attempt) =>
      one<PlacementRecord>(
        `SELECT job_uid AS jobUid, attempt, report FROM placements
         WHERE job_uid = ?1 AND (?2 = 0 OR attempt = ?2) ORDER BY attempt DESC LIMIT 1`,
        jobUid,
        attempt,
      ),

    workers: async () =>
      all<WorkerRecord>(
        'SELECT id, created_at AS createdAt, succeeded, failed FROM workers ORDER BY id',
      ),

    evidence: async (sha256) =>
      one<EvidenceRecord>(`SELECT ${evidenceColumns} FROM evidence WHERE sha256 = ?`, sha256),

    appraisals: async (limit, cursor) => {
      const [time, sha256] = cursor?.split('.') ?? []
      const rows = all<EvidenceRecord>(
        `SELECT ${evidenceColumns} FROM evidence WHERE (appraised_at, sha256) < (?, ?)
         ORDER BY appraised_at DESC, sha256 DESC LIMIT ?`,
        time === undefined ? Number.MAX_SAFE_INTEGER : Number(time),
        sha256 ?? '',
        limit + 1,
      )
      return page(rows, limit, (last) => `${last.appraisedAt}.${last.sha256}`)
    },

    logEntry: async (index) =>
      one<LogEntryRecord>(`SELECT ${entryColumns} FROM log_entries WHERE "index" = ?`, index),

    logEntries: async (from, to) =>
      all<LogEntryRecord>(
        `SELECT ${entryColumns} FROM log_entries
         WHERE "index" >= ? AND "index" < ? ORDER BY "index"`,
        from,
        to,
      ),

    logNodes: async (level, from, to) =>
      all<LogNodeRecord>(
        `SELECT level, "index", hash FROM log_nodes
         WHERE level = ? AND "index" >= ? AND "index" < ? ORDER BY "index"`,
        level,
        from,
        to,
      ),

    checkpoint: async () =>
      one<CheckpointRecord>('SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1'),

    checkpointCovering: async (index) =>
      one<CheckpointRecord>(
        'SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1',
        index,
      ),
  }
}

function reader(db: DatabaseSync) {
  const prepare = statementCache(db)
  const all = <Row extends object>(sql: string, ...values: readonly SQLInputValue[]): Row[] => {
    if (!db.isOpen) throw fail('UNAVAILABLE', 'the store is closed')
    try {
      // Rows come without a prototype; records are ordinary objects.
      return prepare(sql)
        .all(...values)
        .map((row) => ({ ...row }) as Row)
    } catch (thrown) {
      throw VortaError.from(thrown)
    }
  }
  const one = <Row extends object>(sql: string, ...values: readonly SQLInputValue[]) =>
    all<Row>(sql, ...values)[0]
  return { all, one }
}

/** The WHERE clause of a job list; each filter has an index, which sqlite.test.ts checks. */
export function jobConditions({ state, worker, verdict }: JobFilter, cursor: string | undefined) {
  const terms: [sql: string, value: string | undefined][] = [
    [`state = ? AND ${state && terminalStates.has(state) ? ended : live}`, state],
    ['worker = ?', worker],
    ['verdict = ?', verdict],
    ['uid < ?', cursor],
  ]
  const given = terms.filter(([, value]) => value !== undefined)
  return {
    where: given.map(([sql]) => sql).join(' AND ') || 'true',
    values: given.map(([, value]) => value ?? null),
  }
}

/** Rows are asked for with one more than the limit: that one says whether there is a next page. */
function page<T>(rows: readonly T[], limit: number, key: (last: T) => string): Page<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return rows.length > limit && last ? { items, next: key(last) } : { items }
}

const parseJob = ({ record }: JobRow): JobRecord => JSON.parse(record)
const parseJobWithSpec = (row: JobWithSpecRow) => ({ job: parseJob(row), spec: row.spec })

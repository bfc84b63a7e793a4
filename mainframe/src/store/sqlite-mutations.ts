// What each mutation does to the tables, inside a transaction that somebody
// else opens and commits. A guard that does not hold throws a coded refusal;
// the caller then undoes the whole call.

import type { DatabaseSync } from 'node:sqlite'
import { fail } from '@vorta/core'
import type { EventRecord, EvidenceRecord, JobRecord, NewEvent, WorkerRecord } from '../records.ts'
import type { Mutation, RequestKey } from './store.ts'

export type Applied = { readonly events: EventRecord[]; readonly repeated: Map<number, string> }

/** New request keys between two sweeps of the expired ones. */
const sweepInterval = 64

type Of<Kind extends Mutation['kind']> = Extract<Mutation, { kind: Kind }>
type RequestRow = {
  readonly body_sha256: string
  readonly job_uid: string
  readonly expires_at: number
}

/** Gives the function that applies the mutations of one call, in order. */
export function sqliteMutations(db: DatabaseSync): (mutations: readonly Mutation[]) => Applied {
  const insertEvent = db.prepare(
    `INSERT INTO events (job_uid, job_id, attempt, type, state, message, time)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  )
  const addEvents = (events: readonly NewEvent[], applied: Applied): void => {
    for (const event of events) {
      const { jobUid, jobId, attempt, type, state, message, time } = event
      const added = insertEvent.run(jobUid, jobId, attempt, type, state, message, time)
      applied.events.push({ ...event, sequence: Number(added.lastInsertRowid) })
    }
  }

  const createJob = jobCreator(db, addEvents)
  const updateJob = jobUpdater(db, addEvents)
  const putWorker = workerWriter(db)
  const putEvidence = evidenceWriter(db)
  const appendLog = logAppender(db)

  return (mutations) => {
    const applied: Applied = { events: [], repeated: new Map() }
    for (const [position, mutation] of mutations.entries()) {
      switch (mutation.kind) {
        case 'create-job':
          createJob(mutation, applied, position)
          break
        case 'update-job':
          updateJob(mutation, applied)
          break
        case 'put-worker':
          putWorker(mutation.worker)
          break
        case 'put-evidence':
          putEvidence(mutation.evidence)
          break
        case 'append-log':
          appendLog(mutation)
          break
      }
    }
    return applied
  }
}

type AddEvents = (events: readonly NewEvent[], applied: Applied) => void

function jobCreator(db: DatabaseSync, addEvents: AddEvents) {
  const insertJob = db.prepare(
    `INSERT INTO jobs (uid, id, version, state, worker, verdict, record)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const insertSpec = db.prepare('INSERT INTO specs (job, spec) VALUES (?, ?)')
  const request = requestKeys(db)

  return (mutation: Of<'create-job'>, applied: Applied, position: number): void => {
    const { job, spec } = mutation
    const madeBefore = mutation.request && request.find(mutation.request, job.createdAt)
    if (madeBefore !== undefined) {
      applied.repeated.set(position, madeBefore)
      return
    }
    const added = insertJob.run(
      job.uid,
      job.id,
      job.version,
      job.state,
      job.worker ?? null,
      job.verdict ?? null,
      JSON.stringify(job),
    )
    if (added.changes === 0) throw fail('JOB_EXISTS', `another job has the name jobs/${job.id}`)
    insertSpec.run(added.lastInsertRowid, spec)
    if (mutation.request) request.remember(mutation.request, job)
    addEvents(mutation.events, applied)
  }
}

function requestKeys(db: DatabaseSync) {
  const select = db.prepare('SELECT body_sha256, job_uid, expires_at FROM requests WHERE id = ?')
  const insert = db.prepare(
    `INSERT INTO requests (id, body_sha256, job_uid, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET body_sha256 = excluded.body_sha256,
     job_uid = excluded.job_uid, expires_at = excluded.expires_at`,
  )
  const sweep = db.prepare(
    `DELETE FROM requests WHERE id IN
     (SELECT id FROM requests WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
  )
  let remembered = 0
  return {
    /** The job a living key made, if any. REQUEST_ID_REUSED where it had another body. */
    find(key: RequestKey, now: number): string | undefined {
      const known = select.get(key.id) as RequestRow | undefined
      if (!known || known.expires_at <= now) return undefined
      if (known.body_sha256 !== key.bodySha256) {
        throw fail(
          'REQUEST_ID_REUSED',
          `request id ${JSON.stringify(key.id.slice(0, 64))}: expected body ${known.body_sha256}, got ${key.bodySha256}`,
        )
      }
      return known.job_uid
    },
    remember(key: RequestKey, job: JobRecord): void {
      // Twice as many dead keys go as new ones come: the table is bounded by the living.
      if (++remembered % sweepInterval === 0) sweep.run(job.createdAt, 2 * sweepInterval)
      insert.run(key.id, key.bodySha256, job.uid, key.expiresAt)
    },
  }
}

function jobUpdater(db: DatabaseSync, addEvents: AddEvents) {
  const updateJob = db.prepare(
    `UPDATE jobs SET version = ?, state = ?, worker = ?, verdict = ?, record = ?
     WHERE uid = ? AND id = ? AND version = ?`,
  )
  const putPlacement = db.prepare('INSERT OR REPLACE INTO placements VALUES (?, ?, ?)')

  return ({ job, events, placement }: Of<'update-job'>, applied: Applied): void => {
    const { changes } = updateJob.run(
      job.version,
      job.state,
      job.worker ?? null,
      job.verdict ?? null,
      JSON.stringify(job),
      job.uid,
      job.id,
      job.version - 1,
    )
    if (changes === 0) {
      throw fail(
        'STORE_CONFLICT',
        `jobs/${job.id}: version ${job.version - 1} is not the stored one`,
      )
    }
    if (placement) putPlacement.run(placement.jobUid, placement.attempt, placement.report)
    addEvents(events, applied)
  }
}

function workerWriter(db: DatabaseSync) {
  const put = db.prepare('INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)')
  return ({ id, createdAt, succeeded, failed }: WorkerRecord): void => {
    put.run(id, createdAt, succeeded, failed)
  }
}

function evidenceWriter(db: DatabaseSync) {
  const put = db.prepare('INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?)')
  return ({ sha256, worker, appraisedAt, evidence, appraisal }: EvidenceRecord): void => {
    put.run(sha256, worker, appraisedAt, evidence, appraisal)
  }
}

function logAppender(db: DatabaseSync) {
  const selectSize = db.prepare('SELECT coalesce(max("index") + 1, 0) AS size FROM log_entries')
  const insertEntry = db.prepare('INSERT INTO log_entries VALUES (?, ?, ?, ?, ?)')
  const insertNode = db.prepare('INSERT INTO log_nodes VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
  const insertCheckpoint = db.prepare(
    'INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT DO NOTHING',
  )

  return ({ entries, nodes, checkpoint }: Of<'append-log'>): void => {
    const size = Number(selectSize.get()?.size)
    for (const [offset, { index, jobUid, entry, envelope, evidenceSha256 }] of entries.entries()) {
      if (index !== size + offset) throw logConflict(`entry ${size + offset}`, `entry ${index}`)
      insertEntry.run(index, jobUid, entry, envelope, evidenceSha256)
    }
    for (const { level, index, hash } of nodes) {
      if (insertNode.run(level, index, hash).changes === 0) {
        throw logConflict('new nodes', `node ${index} of level ${level} again`)
      }
    }
    const newSize = size + entries.length
    if (
      checkpoint.size !== newSize ||
      insertCheckpoint.run(newSize, checkpoint.note).changes === 0
    ) {
      throw logConflict(`a first checkpoint of ${newSize}`, `one of ${checkpoint.size}`)
    }
  }
}

const logConflict = (expected: string, got: string) =>
  fail('STORE_CONFLICT', `append to the log: expected ${expected}, got ${got}`)

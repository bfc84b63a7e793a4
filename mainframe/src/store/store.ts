// The narrow interface behind which state lives. Rows are the state, an events
// table is the log of changes. A backend supplies durability, atomic batches
// and fencing; queueing, ids, times and rules live above it, once.

import type {
  CheckpointRecord,
  EventRecord,
  EvidenceRecord,
  JobRecord,
  JobState,
  LogEntryRecord,
  LogNodeRecord,
  NewEvent,
  PlacementRecord,
  WorkerRecord,
} from '../records.ts'

/** What makes a submission safe to repeat: the same id with the same body is the same job. */
export type RequestKey = {
  readonly id: string
  readonly bodySha256: string
  readonly expiresAt: number
}

export type Mutation =
  /** Refused with JOB_EXISTS if the id is taken, REQUEST_ID_REUSED if the request id has another body. */
  | {
      readonly kind: 'create-job'
      readonly job: JobRecord
      readonly spec: Uint8Array
      readonly request?: RequestKey
      readonly events: readonly NewEvent[]
    }
  /** Refused with STORE_CONFLICT unless the stored version is `job.version - 1`. */
  | {
      readonly kind: 'update-job'
      readonly job: JobRecord
      readonly events: readonly NewEvent[]
      readonly placement?: PlacementRecord
    }
  | { readonly kind: 'put-worker'; readonly worker: WorkerRecord }
  | { readonly kind: 'put-evidence'; readonly evidence: EvidenceRecord }
  /** Refused with STORE_CONFLICT unless the entries go on exactly at the present size of the log. */
  | {
      readonly kind: 'append-log'
      readonly entries: readonly LogEntryRecord[]
      readonly nodes: readonly LogNodeRecord[]
      readonly checkpoint: CheckpointRecord
    }

export type Leadership = {
  /** Goes into every commit; a newer leader has a larger one. */
  readonly epoch: number
  /** Gives the lease up at once, so that a successor need not wait for it. */
  release(): Promise<void>
}

export type Page<T> = { readonly items: readonly T[]; readonly next?: string }

export type JobFilter = {
  readonly state?: JobState
  readonly worker?: string
  readonly verdict?: string
}

export type Store = {
  /** Takes the lease of the cluster. STORE_LOCKED while another holder's lease runs. */
  lead(options: {
    readonly holder: string
    readonly ttlMs: number
    readonly now: number
  }): Promise<Leadership>
  /** Extends the lease; FENCED once a newer leader has taken over. */
  renew(epoch: number, until: number): Promise<void>

  /**
   * Applies the mutations of one call all together or not at all, and answers
   * when they are on disk. Concurrent calls share one disk flush. A call with an
   * epoch is refused with FENCED once a newer leader has taken over; `null` is for
   * `create-job` only, which needs no leader.
   * Gives the events in order with their sequence numbers. A `create-job` that repeats a
   * known request (same id, same body) changes nothing and is reported in `repeated`: the uid of the
   * job it made the first time, by position in `mutations`.
   */
  commit(
    epoch: number | null,
    mutations: readonly Mutation[],
  ): Promise<{
    readonly events: readonly EventRecord[]
    readonly repeated: ReadonlyMap<number, string>
  }>

  /** Live jobs with their specs, oldest first: all that a new leader must know. */
  load(): AsyncIterable<{ readonly job: JobRecord; readonly spec: Uint8Array }>

  job(id: string): Promise<JobRecord | undefined>
  jobByUid(uid: string): Promise<JobRecord | undefined>
  spec(uid: string): Promise<Uint8Array | undefined>
  /** Newest first; `cursor` is the `next` of the page before. */
  jobs(
    filter: JobFilter,
    limit: number,
    cursor?: string,
  ): Promise<Page<{ job: JobRecord; spec: Uint8Array }>>
  /** Events after a sequence number, of one job or of all, oldest first. */
  events(after: number, limit: number, jobUid?: string): Promise<readonly EventRecord[]>
  /** Sequence number of the newest event; 0 for none. */
  lastEvent(): Promise<number>
  /** `attempt` 0 means the last. */
  placement(jobUid: string, attempt: number): Promise<PlacementRecord | undefined>
  workers(): Promise<readonly WorkerRecord[]>
  evidence(sha256: string): Promise<EvidenceRecord | undefined>
  /** Newest appraisals first. */
  appraisals(limit: number, cursor?: string): Promise<Page<EvidenceRecord>>

  logEntry(index: number): Promise<LogEntryRecord | undefined>
  /** Entries `from` (inclusive) to `to` (exclusive). */
  logEntries(from: number, to: number): Promise<readonly LogEntryRecord[]>
  /** Hashes of complete subtrees at one level, `from` (inclusive) to `to` (exclusive). */
  logNodes(level: number, from: number, to: number): Promise<readonly LogNodeRecord[]>
  /** The newest checkpoint. */
  checkpoint(): Promise<CheckpointRecord | undefined>
  /** The first checkpoint that covers an entry. */
  checkpointCovering(index: number): Promise<CheckpointRecord | undefined>

  close(): Promise<void>
}

// The rows of the store: plain data, one shape each. Whoever changes one makes
// a new object; ids and times come from outside.

export const jobStates = [
  'QUEUED',
  'PLACED',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const

export type JobState = (typeof jobStates)[number]

export const terminalStates: ReadonlySet<JobState> = new Set([
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
])
export const isTerminal = (state: JobState): boolean => terminalStates.has(state)

/** A release of the key of a job's sealed inputs; the log entry at `index` is about it. */
export type KeyReleaseRecord = {
  /** Of the release, hex. */
  readonly sha256: string
  /** SHA-256 of the key of the enclave that can open it, hex. */
  readonly enclave: string
  readonly index: number
}

/** Times are milliseconds since the Unix epoch. */
export type JobRecord = {
  /** Unique for all time, made by the server, time-ordered. */
  readonly uid: string
  /** What people call it: `jobs/{id}`. */
  readonly id: string
  readonly state: JobState
  /** Grows by one with every change; an update names the one it was made from. */
  readonly version: number
  readonly priority: number
  /** SHA-256 of the canonical spec, hex. */
  readonly specSha256: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly startedAt?: number
  readonly endedAt?: number
  readonly maxAttempts: number
  /** Attempts begun so far. */
  readonly attempt: number
  /** Attempts that the infrastructure lost; the job fails when they reach maxAttempts. */
  readonly failures: number
  /** Fencing token of the current attempt, hex; a result must carry it. */
  readonly token?: string
  /** Worker of the current or last attempt. */
  readonly worker?: string
  /** Not to be placed before this time (back-off). */
  readonly notBefore?: number
  /** The current attempt waits until then for its requester to release the key. */
  readonly awaitsKeyUntil?: number
  /** The newest key release, as long as it may be of use. */
  readonly release?: KeyReleaseRecord
  /** A stop was asked for: to be cancelled at this time unless it ended before. */
  readonly stopAt?: number
  readonly verdict?: 'valid' | 'invalid'
  readonly verdictCode?: string
  /** Index of its receipt in the log. */
  readonly receiptIndex?: number
  readonly tee?: 'sgx' | 'tdx' | 'simulated'
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
}

export type NewEvent = {
  readonly jobUid: string
  readonly jobId: string
  readonly attempt: number
  readonly type: string
  readonly state: JobState
  readonly message: string
  readonly time: number
}

/** An event with its position in the cluster's one sequence. */
export type EventRecord = NewEvent & { readonly sequence: number }

export type WorkerRecord = {
  readonly id: string
  readonly createdAt: number
  /** Attempts that gave a result, and that gave none. */
  readonly succeeded: number
  readonly failed: number
}

/** Evidence of an enclave as appraised, addressed by the SHA-256 of its canonical JSON. */
export type EvidenceRecord = {
  readonly sha256: string
  readonly worker: string
  readonly appraisedAt: number
  /** Canonical JSON, as it stands in receipts. */
  readonly evidence: Uint8Array
  /** JSON of the appraisal, for display. */
  readonly appraisal: string
}

/** One leaf of the transparency log with what its receipt is made of. */
export type LogEntryRecord = {
  readonly index: number
  readonly jobUid: string
  readonly entry: Uint8Array
  /** What the entry is about, canonical JSON: a DSSE envelope, or a key release. */
  readonly envelope: Uint8Array
  readonly evidenceSha256: string
}

/** Hash of a complete subtree: `level` 0 is a leaf, `index` counts from the left. */
export type LogNodeRecord = {
  readonly level: number
  readonly index: number
  readonly hash: Uint8Array
}

export type CheckpointRecord = { readonly size: number; readonly note: string }

/** A placement report as JSON text, kept with the attempt. */
export type PlacementRecord = {
  readonly jobUid: string
  readonly attempt: number
  readonly report: string
}

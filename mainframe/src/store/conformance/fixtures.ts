// What the suites of this folder are made of.

import { utf8 } from '@vorta/core'
import type { JobRecord, NewEvent } from '../../records.ts'
import type { Mutation, RequestKey, Store } from '../store.ts'

/** Somewhere to keep a store. */
export type Place = { open(): Promise<Store>; remove(): Promise<void> }

/** Registers one test on an open store that leads under `epoch`. */
export type StoreTest = (
  title: string,
  body: (store: Store, epoch: number, place: Place) => Promise<void>,
) => void

type CreateJob = Extract<Mutation, { kind: 'create-job' }>

export const now = Date.UTC(2026, 0, 1)
export const hash = (byte: number) => new Uint8Array(32).fill(byte)

export function jobRecord(number: number, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    uid: `j${String(number).padStart(6, '0')}`,
    id: `job-${number}`,
    state: 'QUEUED',
    version: 1,
    priority: 0,
    specSha256: 'ab'.repeat(32),
    createdAt: now + number,
    expiresAt: now + 3_600_000,
    maxAttempts: 3,
    attempt: 0,
    failures: 0,
    ...changes,
  }
}

export const eventOf = (job: JobRecord, type = 'CHANGED'): NewEvent => ({
  jobUid: job.uid,
  jobId: job.id,
  attempt: job.attempt,
  type,
  state: job.state,
  message: '',
  time: job.createdAt,
})

export const createJob = (job: JobRecord, request?: RequestKey): CreateJob => ({
  kind: 'create-job',
  job,
  spec: utf8(`spec of ${job.uid}`),
  events: [eventOf(job, 'SUBMITTED')],
  ...(request && { request }),
})

export const updateJob = (job: JobRecord, type?: string): Mutation => ({
  kind: 'update-job',
  job,
  events: [eventOf(job, type)],
})

/** Entries `from` to `to` with made-up nodes: a store keeps them, it does not hash. */
export const appendLog = (from: number, to: number): Mutation => {
  const indexes = Array.from({ length: to - from }, (_, offset) => from + offset)
  return {
    kind: 'append-log',
    entries: indexes.map((index) => ({
      index,
      jobUid: `j${index}`,
      entry: utf8(`entry ${index}`),
      envelope: utf8('{}'),
      evidenceSha256: 'cd'.repeat(32),
    })),
    nodes: indexes.map((index) => ({ level: 0, index, hash: hash(index % 256) })),
    checkpoint: { size: to, note: `checkpoint ${to}` },
  }
}

export const refused = (code: string) => ({ code })

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

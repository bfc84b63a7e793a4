// From a request to a stored job: the spec is checked, its artifacts must be
// there, and the answer is given only when the row is on disk.

import type { CreateJobRequest } from '@vorta/api'
import {
  type Clock,
  type Crypto,
  canonicalDigest,
  fail,
  idPattern,
  newId,
  type Random,
  toHex,
} from '@vorta/core'
import type { ArtifactStore } from '../artifacts/artifact-store.ts'
import type { JobRecord } from '../records.ts'
import type { PlacementReport } from '../scheduler/place.ts'
import type { RequestKey, Store } from '../store/store.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { validateSpec } from './spec.ts'
import { eventOf } from './transitions.ts'

export type SubmissionDeps = {
  readonly table: JobTable
  readonly store: Pick<Store, 'jobByUid' | 'spec'>
  readonly artifacts: Pick<ArtifactStore, 'stat'>
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  /** Puts a stored job in line. */
  readonly enqueue: (job: LiveJob) => void
  readonly placeOnPaper: (job: LiveJob) => PlacementReport
}

export type Submitted = {
  readonly record: JobRecord
  readonly spec: Uint8Array
  readonly placement?: PlacementReport
}

const requestIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const requestIdLifetimeMs = 24 * 3_600_000

// A live job takes some kilobytes of memory; beyond this the cluster does not keep up anyway.
const maxLiveJobs = 500_000

export function createSubmission(
  deps: SubmissionDeps,
): (request: CreateJobRequest) => Promise<Submitted> {
  const { table, store, crypto, clock } = deps

  return async (request) => {
    const job = draft(request)
    if (request.validateOnly) {
      // On paper nothing is read, so nothing needs to be there yet.
      return { record: job.record, spec: job.spec, placement: deps.placeOnPaper(job) }
    }
    await requireArtifacts(job)
    if (table.size >= maxLiveJobs) {
      throw fail('UNAVAILABLE', `the cluster holds ${table.size} jobs that have not ended`)
    }
    const event = eventOf(job.record, 'Queued', 'stored', job.record.createdAt)
    const before = await table.create(job, event, requestKey(request, job))
    if (before !== undefined) return earlier(before)
    deps.enqueue(job)
    return { record: job.record, spec: job.spec }
  }

  function draft(request: CreateJobRequest): LiveJob {
    const { canonical, proof, sealed, requirements, timeoutMs, maxAttempts, priority } =
      validateSpec(request.spec)
    const { jobId } = request
    if (jobId !== '' && !idPattern.test(jobId)) {
      throw fail(
        'INVALID_ARGUMENT',
        `job_id: expected a DNS label that starts with a letter, got ${JSON.stringify(jobId.slice(0, 80))}`,
        {
          meta: { field: 'job_id' },
        },
      )
    }
    const createdAt = clock.now()
    // Of the same moment, so that the order of uids is the order of creation times.
    const uid = newId('j', { now: () => createdAt }, deps.random)
    const record: JobRecord = {
      uid,
      id: jobId || uid,
      state: 'QUEUED',
      version: 1,
      priority,
      specSha256: toHex(crypto.sha256(canonical)),
      createdAt,
      expiresAt: createdAt + timeoutMs,
      maxAttempts,
      failures: 0,
      attempt: 0,
    }
    return { record, spec: canonical, proof, needs: requirements, ...(sealed && { sealed }) }
  }

  async function requireArtifacts({ needs }: LiveJob): Promise<void> {
    const missing = (await deps.artifacts.stat(needs.artifacts)).filter(
      (artifact) => !artifact.present,
    )
    if (missing.length === 0) return
    const digests = missing.map((artifact) => artifact.digest).join(', ')
    throw fail('ARTIFACT_NOT_FOUND', `the job names artifacts that are not stored: ${digests}`, {
      meta: { missing: missing.length },
      hints: ['upload them first; `vorta-cli submit` does both'],
    })
  }

  function requestKey(request: CreateJobRequest, job: LiveJob): RequestKey | undefined {
    const { requestId, jobId } = request
    if (requestId === '') return undefined
    if (!requestIdPattern.test(requestId)) {
      throw fail('INVALID_ARGUMENT', 'request_id: expected a UUID', {
        meta: { field: 'request_id' },
      })
    }
    const bodySha256 = canonicalDigest(crypto, { jobId, spec: job.record.specSha256 })
    return { id: requestId.toLowerCase(), bodySha256, expiresAt: clock.now() + requestIdLifetimeMs }
  }

  async function earlier(uid: string): Promise<Submitted> {
    const live = table.get(uid)
    if (live) return { record: live.record, spec: live.spec }
    const [record, spec] = await Promise.all([store.jobByUid(uid), store.spec(uid)])
    if (!record || !spec) throw fail('JOB_NOT_FOUND', `job ${uid} of the repeated request is gone`)
    return { record, spec }
  }
}

// Jobs with sealed inputs: their requester looks at the enclave and releases the
// key to it. This side checks what it can, records the release in the log and
// hands it on with the job; it can neither open a release nor make one.

import { refuse } from '@vorta/attestation/sealing/codes'
import {
  type KeyRelease,
  readRelease,
  releaseDigest,
  requireTerms,
} from '@vorta/attestation/sealing/release'
import { type Clock, type Crypto, equal, fail, toHex, toRfc3339, VortaError } from '@vorta/core'
import { encodeReleaseEntry } from '@vorta/receipt'
import type { Cluster } from '../cluster/cluster.ts'
import type { AdmittedEnclave, ClusterWorker } from '../cluster/worker.ts'
import type { Log } from '../log/log-writer.ts'
import type { Metrics } from '../metrics.ts'
import type { Store } from '../store/store.ts'
import type { AwaitingKey, Waiting } from './awaiting-key.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { keyReleased } from './transitions.ts'

export type KeyReleasesDeps = {
  readonly table: JobTable
  readonly store: Pick<Store, 'job' | 'logEntry'>
  readonly cluster: Pick<Cluster, 'challenge'>
  readonly awaiting: AwaitingKey
  readonly log: Log
  readonly crypto: Crypto
  readonly clock: Clock
  readonly metrics: Metrics
  readonly send: (worker: ClusterWorker, jobs: readonly LiveJob[]) => void
}

/** A release that is in the log. */
export type Recorded = { readonly sha256: string; readonly index: number }

export type Challenged = {
  readonly job: LiveJob
  readonly worker: string
  /** Canonical JSON. */
  readonly evidence: Uint8Array
}

// A requester asks once for each release; more would only fill memory.
const mostShown = 4

export class KeyReleases {
  /** Releases on their way into the log. */
  private readonly recording = new Map<Waiting, { sha256: string; done: Promise<Recorded> }>()
  private readonly deps: KeyReleasesDeps

  constructor(deps: KeyReleasesDeps) {
    this.deps = deps
  }

  /** Sends placed jobs to their worker, except those whose key has to be released first. */
  async route(worker: ClusterWorker, jobs: readonly LiveJob[]): Promise<void> {
    const held: LiveJob[] = []
    const ready: LiveJob[] = []
    for (const job of jobs) {
      if (!job.sealed || (await this.hasKey(worker, job))) ready.push(job)
      else held.push(job)
    }
    if (ready.length > 0) this.deps.send(worker, ready)
    if (held.length > 0) await this.deps.awaiting.hold(worker, held)
  }

  /**
   * Fresh evidence of the enclave that waits, bound to the requester's nonce of 32 bytes.
   * Throws JOB_NOT_FOUND, KEY_NOT_AWAITED, and UNAVAILABLE where the enclave has changed.
   */
  async challenge(id: string, nonce: Uint8Array): Promise<Challenged> {
    const waiting = await this.require(id)
    const { job, worker, enclave, shown } = waiting
    const { record, spki, code = 'ENCLAVE_LOST' } = await this.deps.cluster.challenge(worker, nonce)
    if (!spki || !equal(spki, enclave.spki)) {
      const message = `the enclave of workers/${worker.id} has changed`
      await this.deps.awaiting.giveUp(waiting, { code, message })
      throw fail('UNAVAILABLE', message, {
        hints: ['the job is placed anew; ask again when it waits for its key'],
      })
    }
    shown.set(record.sha256, record)
    for (const oldest of shown.keys()) {
      if (shown.size <= mostShown) break
      shown.delete(oldest)
    }
    return { job, worker: worker.id, evidence: record.evidence }
  }

  /**
   * Records a release and lets the job go on. The same release again gives the same answer.
   * Throws JOB_NOT_FOUND, KEY_NOT_AWAITED, RELEASE_FORMAT, RELEASE_EXPIRED and RELEASE_WRONG_…
   */
  async release(id: string, bytes: Uint8Array): Promise<Recorded> {
    const { keyReleases } = this.deps.metrics
    try {
      const document = readRelease(bytes)
      const sha256 = releaseDigest(this.deps.crypto, bytes)
      const before = (await this.deps.store.job(id))?.release
      if (before?.sha256 === sha256) return { sha256, index: before.index }
      const waiting = await this.require(id)
      const recorded = await this.recordOnce(waiting, document, bytes, sha256)
      keyReleases.inc({ outcome: 'recorded' })
      return recorded
    } catch (thrown) {
      keyReleases.inc({ outcome: VortaError.from(thrown).code })
      throw thrown
    }
  }

  /** The job has ended; nobody waits for its key. */
  ended(job: LiveJob): void {
    const code = job.record.error?.code
    if (code === 'KEY_RELEASE_TIMEOUT') this.deps.metrics.keyReleases.inc({ outcome: code })
    this.deps.awaiting.forget(job)
  }

  /** Whether a release recorded earlier is for this worker's enclave, as after a lost connection. */
  private async hasKey(worker: ClusterWorker, job: LiveJob): Promise<boolean> {
    const { release } = job.record
    delete job.release
    // Without an enclave the attempt is lost anyway, and the dispatcher says so.
    if (!worker.enclave) return true
    if (release?.enclave !== this.nameOf(worker.enclave)) return false
    const entry = await this.deps.store.logEntry(release.index)
    if (entry) job.release = entry.envelope
    return entry !== undefined
  }

  private async require(id: string): Promise<Waiting> {
    const waiting = this.deps.awaiting.find(this.deps.table.byId(id))
    if (waiting) return waiting
    const stored = await this.deps.store.job(id)
    if (!stored) throw fail('JOB_NOT_FOUND', `jobs/${id} does not exist`)
    throw notAwaited(id, `it is ${stored.state}`)
  }

  /** Without an await before `recording` is set: the same release may come twice at once. */
  private recordOnce(
    waiting: Waiting,
    document: KeyRelease,
    bytes: Uint8Array,
    sha256: string,
  ): Promise<Recorded> {
    const under = this.recording.get(waiting)
    if (under?.sha256 === sha256) return under.done
    if (under) throw notAwaited(waiting.job.record.id, 'another release is being recorded')
    this.check(waiting, document)
    const done = this.record(waiting, document, bytes, sha256)
    this.recording.set(waiting, { sha256, done })
    return done.finally(() => this.recording.delete(waiting))
  }

  private check(waiting: Waiting, document: KeyRelease): void {
    const { job, worker, shown } = waiting
    const { uid, specSha256 } = job.record
    const enclave = this.nameOf(waiting.enclave)
    requireTerms(document, { job: uid, spec: specSha256, enclave }, this.deps.clock.now())
    if (!worker.enclave || this.nameOf(worker.enclave) !== enclave) {
      const message = `the enclave of workers/${worker.id} has restarted`
      const error = { code: 'ENCLAVE_LOST', message }
      this.deps.table.guard(this.deps.awaiting.giveUp(waiting, error))
      throw refuse('RELEASE_WRONG_ENCLAVE', message)
    }
    if (!shown.has(document.evidence)) {
      throw refuse('RELEASE_WRONG_EVIDENCE', `evidence ${document.evidence} was not shown for it`)
    }
  }

  private record(
    waiting: Waiting,
    document: KeyRelease,
    bytes: Uint8Array,
    sha256: string,
  ): Promise<Recorded> {
    const { table, log, clock, metrics, awaiting } = this.deps
    const { job, worker, shown } = waiting
    const { job: uid, spec, enclave, evidence } = document
    return log.exclusively(async () => {
      const index = log.size
      const now = clock.now()
      const terms = { release: sha256, job: uid, spec, enclave, evidence, time: toRfc3339(now) }
      const entry = encodeReleaseEntry(terms)
      const append = await log.prepare([
        { jobUid: uid, entry, envelope: bytes, evidenceSha256: evidence },
      ])
      const seen = shown.get(evidence)
      if (!seen || !awaiting.has(waiting)) {
        log.rolledBack()
        throw notAwaited(job.record.id, 'the attempt ended meanwhile')
      }
      const step = keyReleased(job.record, { sha256, enclave, index }, now)
      job.release = bytes
      await table.commit([append, { kind: 'put-evidence', evidence: seen }, table.stage(job, step)])
      log.committed()
      metrics.logSize.set(log.size)
      // It may have been lost while it was written, and even be placed anew.
      if (awaiting.has(waiting)) {
        awaiting.forget(job)
        this.deps.send(worker, [job])
      }
      return { sha256, index }
    })
  }

  /** How releases name an enclave: SHA-256 of its key, hex. */
  private nameOf({ spki }: AdmittedEnclave): string {
    return toHex(this.deps.crypto.sha256(spki))
  }
}

const notAwaited = (id: string, why: string) =>
  fail('KEY_NOT_AWAITED', `jobs/${id} waits for no key: ${why}`)

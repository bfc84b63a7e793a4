// The workers of the cluster: who may join, whose enclave is accepted, who is
// alive. It tells the scheduler when a worker may have become able to take
// work. What the end of a connection means for jobs, its streams tell.

import type { Duplex } from 'node:stream'
import type { WatchStatusResponse } from '@vorta/api'
import type { CollateralSource } from '@vorta/attestation/collateral-service/sources'
import { type EnclaveIdentity, isSameEnclave } from '@vorta/attestation/ra-tls/same-enclave'
import { type Clock, fail, toHex, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { Appraised, Appraiser } from '../attestation/appraiser.ts'
import type { Metrics } from '../metrics.ts'
import type { EvidenceRecord } from '../records.ts'
import type { Tokens } from '../server/tokens.ts'
import type { Mutation, Store } from '../store/store.ts'
import { readCapabilities, readDigests, readUsage, readVersion } from './reported.ts'
import { WorkerSession } from './session.ts'
import { ClusterWorker } from './worker.ts'

export type ClusterDeps = {
  readonly store: Pick<Store, 'workers'>
  /** Commits under the leader's epoch. */
  readonly commit: (mutations: readonly Mutation[]) => Promise<unknown>
  readonly appraiser: Appraiser
  readonly collateral: CollateralSource
  readonly tokens: Tokens
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly heartbeatMs: number
  readonly maxEvidenceAgeMs: number
}

// How often the round trip to a worker is measured, in heartbeats.
const heartbeatsPerLatency = 5

// Bounds what a worker can make the mainframe remember about its cache.
const maxCachedDigests = 100_000

// Bounds what a holder of the join token can make it remember, store and label by making up ids.
const maxWorkers = 10_000

// An appraisal costs signatures and a row: a worker cannot ask for more of them than this.
const challengeIntervalMs = 1000

export type FreshEvidence = {
  readonly record: EvidenceRecord
  /** The enclave's key as DER, where it is accepted. */
  readonly spki?: Uint8Array
  /** Why it is not. */
  readonly code?: string
}

export class Cluster {
  /** Called when a worker may have become able to take work. */
  onCapacity: (worker: ClusterWorker) => void = () => {}
  private readonly members = new Map<string, ClusterWorker>()
  /** Members that were turned away and no more, oldest first: anybody can make up their names. */
  private readonly unproven = new Set<string>()
  private readonly deps: ClusterDeps

  constructor(deps: ClusterDeps) {
    this.deps = deps
  }

  async load(): Promise<void> {
    for (const record of await this.deps.store.workers())
      this.members.set(record.id, new ClusterWorker(record))
  }

  get(id: string): ClusterWorker | undefined {
    return this.members.get(id)
  }

  all(): readonly ClusterWorker[] {
    return [...this.members.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * Takes over the connection of a worker that presented the join token, and whose host that
   * enclave vouches for; resolves when it has ended. Never rejects: nobody waits for it.
   */
  async join(workerId: string, socket: Duplex, peer: EnclaveIdentity): Promise<void> {
    const { clock, log, metrics } = this.deps
    const worker = this.members.get(workerId) ?? this.enroll(workerId)
    if (!worker) {
      metrics.joinsRefused.inc({ code: 'JOIN_REFUSED' })
      log.warn({ worker: workerId }, `the cluster knows ${maxWorkers} workers already`)
      socket.destroy()
      return
    }
    this.unproven.delete(workerId)
    // The newest connection counts: an older one is dead and does not know it yet.
    worker.session?.close()
    worker.disconnect()
    worker.refusal = undefined
    const session = new WorkerSession(workerId, socket, peer)
    worker.session = session
    worker.heartbeatAt = clock.now()
    const token = this.deps.tokens.openSession()
    void session.closed.then(() => {
      token.revoke()
      if (worker.session !== session) return
      worker.disconnect()
      metrics.forgetWorker(workerId)
      log.info({ worker: workerId }, 'worker disconnected')
    })
    try {
      await this.attest(worker, session, token.token)
      for await (const status of session.watchStatus(this.deps.heartbeatMs)) {
        await this.onStatus(worker, session, status, token.token)
      }
      // No more reports: the worker leaves. The results of what it had drained are read first;
      // should they not come, its lease runs out.
      await session.finish()
    } catch (thrown) {
      const { code, message } = VortaError.from(thrown)
      log.warn({ worker: workerId, code, reason: message }, 'worker connection ended')
    } finally {
      session.close()
    }
  }

  /**
   * Fresh evidence of a worker's enclave, bound to the nonce of somebody else. Changes nothing.
   * Throws UNAVAILABLE where the worker is not connected.
   */
  async challenge(worker: ClusterWorker, nonce: Uint8Array): Promise<FreshEvidence> {
    const { appraiser, collateral } = this.deps
    if (!worker.session) throw fail('UNAVAILABLE', `workers/${worker.id} is not connected`)
    const { evidence } = await worker.session.challenge(collateral, nonce)
    const appraised = await appraiser.appraise(evidence, toHex(nonce), nameOf(worker))
    const { accepted, code = 'JOIN_REFUSED' } = appraised.appraisal
    const { spki } = appraised
    const record = evidenceRecord(worker, appraised)
    return accepted && spki ? { record, spki } : { record, code }
  }

  /** Remembers why a worker that had the join token got no connection, for whoever misses it. */
  turnAway(workerId: string, thrown: unknown): void {
    if (!this.members.has(workerId) && this.enroll(workerId)) this.unproven.add(workerId)
    const worker = this.members.get(workerId)
    // Under the name of a worker that is connected anybody can fail.
    if (!worker || worker.session) return
    const { code, message } = VortaError.from(thrown)
    worker.refusal = { code, message, time: this.deps.clock.now() }
  }

  /** Ends the connections of workers that were silent for longer than their lease. */
  dropSilent(leaseMs: number): void {
    const oldest = this.deps.clock.now() - leaseMs
    for (const worker of this.members.values()) {
      if (!worker.session || worker.heartbeatAt >= oldest) continue
      this.deps.log.warn({ worker: worker.id }, 'worker is silent, its lease has run out')
      worker.session.close()
    }
  }

  close(): void {
    for (const worker of this.members.values()) worker.session?.close()
  }

  private enroll(id: string): ClusterWorker | undefined {
    if (this.members.size >= maxWorkers && !this.makeRoom()) return undefined
    const worker = new ClusterWorker({
      id,
      createdAt: this.deps.clock.now(),
      succeeded: 0,
      failed: 0,
    })
    this.members.set(id, worker)
    return worker
  }

  private makeRoom(): boolean {
    const [oldest] = this.unproven
    if (oldest === undefined) return false
    this.unproven.delete(oldest)
    return this.members.delete(oldest)
  }

  private async attest(
    worker: ClusterWorker,
    session: WorkerSession,
    sessionToken: string,
  ): Promise<void> {
    const { appraiser, collateral, clock, log, metrics } = this.deps
    worker.challengedAt = clock.now()
    const description = await session.describe()
    const { evidence, nonce, generation } = await session.challenge(collateral)
    const appraised = await appraiser.appraise(evidence, nonce, nameOf(worker))
    const { appraisal, spki } = appraised
    const { accepted, code = '', message = '' } = appraisal
    metrics.evidenceAppraised.inc({ outcome: accepted ? 'accepted' : 'refused', code })
    if (worker.session !== session) return
    worker.version = readVersion(description.version)
    worker.tee = readCapabilities(description.tee)
    worker.appraisal = appraisal
    await this.deps.commit([
      { kind: 'put-worker', worker: worker.record },
      { kind: 'put-evidence', evidence: evidenceRecord(worker, appraised) },
    ])
    if (worker.session !== session) return
    if (!accepted || !spki) {
      await this.refuse(worker, session, code, message)
      return
    }
    if (!isSameEnclave(session.peer, evidence)) {
      const other = 'RATLS_OTHER_ENCLAVE'
      metrics.raTlsRefused.inc({ code: other })
      const text = `evidence: expected ${session.peer.measurement} on the processor that opened the connection, got another`
      worker.refusal = { code: other, message: text, time: clock.now() }
      await this.refuse(worker, session, other, text)
      return
    }
    worker.generation = generation
    worker.enclave = {
      generation,
      spki,
      evidenceSha256: appraisal.sha256,
      tee: evidence.tee,
      expiresAt: clock.now() + this.deps.maxEvidenceAgeMs,
    }
    const tier = appraisal.simulated ? 'SIMULATED' : 'hardware'
    log.info(
      { worker: worker.id, measurement: appraisal.measurement, status: appraisal.status, tier },
      'enclave accepted',
    )
    await session.admit({ accepted: true, sessionToken })
  }

  private async refuse(
    worker: ClusterWorker,
    session: WorkerSession,
    code: string,
    message: string,
  ): Promise<void> {
    worker.enclave = undefined
    this.deps.log.warn({ worker: worker.id, code, reason: message }, 'enclave refused')
    await session.admit({ accepted: false, code, message })
    session.close()
  }

  private async onStatus(
    worker: ClusterWorker,
    session: WorkerSession,
    status: WatchStatusResponse,
    sessionToken: string,
  ): Promise<void> {
    const { clock, metrics } = this.deps
    const now = clock.now()
    const usage = readUsage(status.usage)
    worker.heartbeatAt = now
    worker.usage = usage
    worker.draining = status.draining
    worker.enclaveReady = status.enclaveReady
    worker.generation = status.enclaveGeneration
    for (const digest of status.evicted) worker.cached.delete(digest)
    for (const digest of readDigests(status.cached))
      if (worker.cached.size < maxCachedDigests) worker.cached.add(digest)
    const stale = worker.enclave === undefined || worker.enclave.generation !== worker.generation
    const old = (worker.enclave?.expiresAt ?? 0) - now < this.deps.maxEvidenceAgeMs / 2
    const due = now - worker.challengedAt >= challengeIntervalMs
    // A restarted enclave has a new key, and old evidence says little of today:
    // either is challenged anew before the worker gets more work.
    if (worker.enclaveReady && (stale || old) && due) {
      await this.attest(worker, session, sessionToken)
    }
    if (worker.session !== session) return
    if (usage) {
      metrics.workerEpcFree.set({ worker: worker.id }, Number(usage.epcFreeBytes))
      metrics.workerRunning.set({ worker: worker.id }, usage.running)
      metrics.workerCpu.set({ worker: worker.id }, usage.cpu)
    }
    const measures = worker.heartbeats++ % heartbeatsPerLatency === 0
    if (measures && !worker.measuring) void this.updateLatency(worker, session)
    this.onCapacity(worker)
  }

  private async updateLatency(worker: ClusterWorker, session: WorkerSession): Promise<void> {
    worker.measuring = true
    try {
      const measured = await session.measureLatency()
      // Exponential smoothing; a quarter of each new value follows real change within seconds.
      worker.latencyMs =
        worker.latencyMs === 0 ? measured : worker.latencyMs * 0.75 + measured * 0.25
      this.deps.metrics.workerLatency.set({ worker: worker.id }, worker.latencyMs / 1000)
    } catch {
      // The connection ended meanwhile; `closed` deals with that.
    } finally {
      worker.measuring = false
    }
  }
}

const nameOf = ({ id }: ClusterWorker): string => `workers/${id}`

const evidenceRecord = (
  worker: ClusterWorker,
  { appraisal, evidence }: Appraised,
): EvidenceRecord => ({
  sha256: appraisal.sha256,
  worker: worker.id,
  appraisedAt: appraisal.time,
  evidence,
  appraisal: JSON.stringify(appraisal),
})

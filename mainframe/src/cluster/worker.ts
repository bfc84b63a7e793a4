// One worker as the mainframe knows it: what it said of itself, the verdict on
// its enclave, its last heartbeat, and what was promised to it since.

import type { TeeCapabilities, WorkerUsage } from '@vorta/api'
import type { EvidenceKind } from '@vorta/attestation'
import type { Appraisal } from '@vorta/attestation-service'
import type { Forecast } from '../attestation/forecast.ts'
import type { WorkerRecord } from '../records.ts'
import type { Requirements, WorkerView } from '../scheduler/plugin.ts'
import type { WorkerCalls } from './session.ts'

/** The enclave whose results are accepted at present. */
export type AdmittedEnclave = {
  readonly generation: bigint
  readonly spki: Uint8Array
  readonly evidenceSha256: string
  readonly tee: EvidenceKind
  readonly expiresAt: number
}

export type Refusal = { readonly code: string; readonly message: string; readonly time: number }

export type WorkerState = 'READY' | 'DRAINING' | 'LOST' | 'NOT_READY'

export class ClusterWorker {
  record: WorkerRecord
  session: WorkerCalls | undefined
  version = ''
  tee: TeeCapabilities | undefined
  usage: WorkerUsage | undefined
  appraisal: Appraisal | undefined
  /** Why its last connection was refused before there was evidence to appraise. */
  refusal: Refusal | undefined
  enclave: AdmittedEnclave | undefined
  /** How long its TCB will be accepted, as far as Intel's documents tell. */
  forecast: Forecast | undefined
  /** Why it is given no more work although it would take some. */
  cordonReason: string | undefined
  /** Generation of the enclave in the last heartbeat, and whether it is up. */
  generation = 0n
  enclaveReady = false
  draining = false
  latencyMs = 0
  /** Whether a round trip is under way. */
  measuring = false
  heartbeatAt = 0
  heartbeats = 0
  /** When its enclave was last challenged. */
  challengedAt = 0
  readonly cached = new Set<string>()
  private readonly promised = new Map<string, Requirements>()
  private promisedMemory = 0
  private promisedEpc = 0

  constructor(record: WorkerRecord) {
    this.record = record
  }

  get id(): string {
    return this.record.id
  }

  get state(): WorkerState {
    if (!this.session) return 'LOST'
    if (this.draining || this.cordonReason !== undefined) return 'DRAINING'
    return this.attested && this.enclaveReady ? 'READY' : 'NOT_READY'
  }

  private get attested(): boolean {
    return this.enclave !== undefined && this.enclave.generation === this.generation
  }

  /** Forgets what was true of the connection before: the next one proves it anew. */
  disconnect(): void {
    this.session = undefined
    this.enclave = undefined
    this.enclaveReady = false
    this.usage = undefined
    this.cached.clear()
  }

  /** Counts an attempt's resources as taken until `release`. */
  reserve(uid: string, needs: Requirements): void {
    this.promised.set(uid, needs)
    this.promisedMemory += needs.memory
    this.promisedEpc += needs.epc
  }

  release(uid: string): void {
    const needs = this.promised.get(uid)
    if (!needs || !this.promised.delete(uid)) return
    this.promisedMemory -= needs.memory
    this.promisedEpc -= needs.epc
  }

  count(outcome: 'succeeded' | 'failed', by = 1): void {
    this.record = { ...this.record, [outcome]: this.record[outcome] + by }
  }

  /** A snapshot for one round of placements; reservations made in the round show at once. */
  view(): WorkerView {
    const worker = this
    const { tee, usage } = this
    const memory = Number(usage?.memoryBytes ?? 0n)
    const memoryFree = Number(usage?.memoryFreeBytes ?? 0n)
    const epc = Number(tee?.epcBytes ?? 0n)
    return {
      id: this.id,
      ready: this.session !== undefined && this.enclaveReady && usage !== undefined,
      draining: this.draining || this.cordonReason !== undefined,
      // What the evidence proved, not what the worker says.
      tee: this.enclave?.tee ?? tee?.kind ?? '',
      quotes: tee?.quotes ?? false,
      attested: this.attested,
      attestationCode: this.refusal?.code ?? this.appraisal?.code ?? '',
      proofs: tee?.proofs ?? [],
      memory,
      epc,
      cpu: usage?.cpu ?? 0,
      slots: usage?.slots ?? 0,
      succeeded: this.record.succeeded,
      failed: this.record.failed,
      latencyMs: this.latencyMs,
      hasArtifact: (digest) => worker.cached.has(digest),
      get memoryFree() {
        return Math.max(0, memoryFree - worker.promisedMemory)
      },
      get epcFree() {
        return Math.max(0, epc - worker.promisedEpc)
      },
      get running() {
        return worker.promised.size
      },
    }
  }
}

// The parts that carry jobs, put together as the mainframe does it: the real
// store, log and artifacts in a folder of their own, and workers whose
// connections a test plays. Only time stands still, until a test lets it pass.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  CreateJobRequestSchema,
  JobSpecSchema,
  type ProofSpecSchema,
  TeeCapabilitiesSchema,
  WorkerUsageSchema,
} from '@vorta/api'
import {
  type Canonical,
  canonicalBytes,
  digestOf,
  fakeClock,
  own,
  systemRandom,
  toHex,
  utf8,
  type VortaError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { createLogger } from '@vorta/core/log'
import { openArtifactStore } from '../artifacts/artifact-store.ts'
import { ClusterWorker } from '../cluster/worker.ts'
import { EventBus } from '../jobs/event-bus.ts'
import { startJobEngine } from '../jobs/job-engine.ts'
import { JobTable } from '../jobs/job-table.ts'
import { openLogKey } from '../log/log-key.ts'
import { openLogReader } from '../log/log-reader.ts'
import { openLog } from '../log/log-writer.ts'
import { createMetrics } from '../metrics.ts'
import type { EventRecord } from '../records.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { testConnection } from './connection.ts'
import { makeEnclave, type TestEnclave } from './enclave.ts'

export const testFiles = ['verification key', 'public inputs', 'proof'].map((text) => utf8(text))
const [verificationKey, publicInputs, proof] = testFiles.map((bytes) => digestOf(nodeCrypto, bytes))

/** How long a job waits for its key here. */
export const keyTimeoutMs = 60_000

export type SpecInit = MessageInitShape<typeof JobSpecSchema>

/** A proof over the three test files, with the members given put in. */
export const specOf = (members: MessageInitShape<typeof ProofSpecSchema> = {}): SpecInit => ({
  work: {
    case: 'proof',
    value: {
      system: 'groth16',
      curve: 'bn254',
      encoding: 'snarkjs',
      verificationKey: verificationKey as string,
      publicInputs: publicInputs as string,
      proof: proof as string,
      ...members,
    },
  },
})

export const testSpec = (members: SpecInit = {}) =>
  create(JobSpecSchema, { ...specOf(), ...members } as SpecInit)

export const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'vorta-mainframe-test-'))

export type Parts = Awaited<ReturnType<typeof openParts>>

export async function openParts(
  folder = temporaryFolder(),
  clock = fakeClock(Date.UTC(2026, 5, 1)),
) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const store = await openSqliteStore(folder)
  const { epoch, release } = await store.lead({ holder: 'test', ttlMs: 1000, now: clock.now() })
  const artifacts = openArtifactStore(join(folder, 'artifacts'))
  const origin = 'log.test/parts/SIMULATED'
  const logKey = openLogKey(folder, origin)
  const logIdentity = { origin, key: logKey.vkey }
  const logWriter = await openLog(store, logKey, origin)
  const bus = new EventBus()
  const metrics = createMetrics()
  const log = createLogger('test', 'silent')
  const faults: VortaError[] = []
  const events: EventRecord[] = []
  // Keeps what passes; nobody reads the subscription itself.
  const watch = bus.subscribe((event) => events.push(event) < 0, 1)
  const workers = new Map<string, ClusterWorker>()
  const enclaves = new Map<string, TestEnclave>()
  const cluster = {
    get: (id: string) => workers.get(id),
    all: () => [...workers.values()],
    challenge: async ({ id }: ClusterWorker, nonce: Uint8Array) => {
      const { spki, evidence: make } = enclaves.get(id) as TestEnclave
      const evidence = canonicalBytes((await make(own(nonce))) as Canonical)
      const sha256 = toHex(nodeCrypto.sha256(evidence))
      const record = { sha256, evidence, worker: id, appraisedAt: clock.now(), appraisal: '{}' }
      return { record, spki }
    },
  }
  const fatal = (error: VortaError) => void faults.push(error)

  const table = new JobTable({ store, epoch, bus, clock, metrics, fatal })
  const engine = await startJobEngine({
    store,
    table,
    cluster,
    artifacts,
    transparencyLog: logWriter,
    logIdentity,
    keyTimeoutMs,
    crypto: nodeCrypto,
    clock,
    random: systemRandom,
    log,
    metrics,
  })

  return {
    folder,
    clock,
    store,
    artifacts,
    logIdentity,
    logWriter,
    reader: openLogReader(store),
    bus,
    metrics,
    table,
    ...engine,
    cluster,
    /** What stopped the process, if it were one. */
    faults,
    /** All events published since the start. */
    events,

    upload: async (...files: readonly Uint8Array[]) => {
      for (const bytes of files) await artifacts.put(digestOf(nodeCrypto, bytes), bytes)
    },

    /** Stores a job; gives its uid and name. */
    create: async (jobId: string, spec: SpecInit = {}) => {
      const request = create(CreateJobRequestSchema, { jobId, spec: testSpec(spec) })
      return (await engine.submit(request)).record
    },

    /** A worker with an accepted enclave, ready for jobs. */
    join: async (id: string, slots = 8, enclave = makeEnclave(clock)) => {
      const connection = testConnection()
      const evidence = await enclave.evidence()
      const sha256 = evidence.claims.nonce.replace(/^../, slots.toString(16).padStart(2, '0'))
      const worker = new ClusterWorker({ id, createdAt: clock.now(), succeeded: 0, failed: 0 })
      worker.session = connection
      worker.enclaveReady = true
      worker.enclave = {
        generation: 0n,
        spki: enclave.spki,
        evidenceSha256: sha256,
        tee: 'simulated',
        expiresAt: clock.now() + 3_600_000,
      }
      worker.tee = create(TeeCapabilitiesSchema, {
        kind: 'simulated',
        quotes: true,
        epcBytes: 2n ** 30n,
        proofs: [{ system: 'groth16', curves: ['bn254'], proofsPerSecond: 100 }],
      })
      worker.usage = create(WorkerUsageSchema, {
        memoryBytes: 2n ** 32n,
        memoryFreeBytes: 2n ** 32n,
        slots,
      })
      workers.set(id, worker)
      enclaves.set(id, enclave)
      await table.commit([{ kind: 'put-worker', worker: worker.record }])
      engine.scheduling.capacityChanged()
      return { worker, connection, enclave }
    },

    /** Lets time pass: deadlines fall due. */
    advance: (ms: number) => {
      clock.advance(ms)
      mock.timers.tick(ms)
    },

    /** Ends all, as a stop does; `keep` leaves the folder for another start. */
    close: async (keep: 'keep' | 'remove' = 'remove') => {
      engine.close()
      watch.close()
      await release()
      artifacts.close()
      await store.close()
      mock.timers.reset()
      if (keep === 'remove') rmSync(folder, { recursive: true, force: true })
    },
  }
}

// Only a failing test waits so long.
const patienceMs = 10_000

/** Resolves once it is so; looks at each turn of the event loop. */
export async function until(what: string, test: () => unknown): Promise<void> {
  const start = performance.now()
  while (!(await test())) {
    if (performance.now() - start > patienceMs) throw new Error(`never came about: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

// What the cluster bears of those who hold the join token: many names, many reports.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { policyDecoder } from '@vorta/attestation'
import { simulatedSource } from '@vorta/attestation/collateral-service/sources'
import { fail, fakeClock, toHex } from '@vorta/core'
import { createLogger } from '@vorta/core/log'
import { createMetrics } from '../metrics.ts'
import { openTokens } from '../server/tokens.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { testAppraiser } from '../testkit/appraiser.ts'
import { makeEnclave, testMeasurement } from '../testkit/enclave.ts'
import { until } from '../testkit/parts.ts'
import { honestWorker, reportFeed, serveWorker, type WorkerImpl } from '../testkit/worker.ts'
import { Cluster } from './cluster.ts'

suite('the cluster', () => {
  const clock = fakeClock(Date.UTC(2026, 5, 1))
  const policy = policyDecoder({
    simulated: true,
    measurements: { mrenclave: [toHex(testMeasurement)], mrsigner: [] },
  })
  const enclave = makeEnclave(clock)
  const peer = enclave.identity
  let folder: string
  let store: Store
  let feed: ReturnType<typeof reportFeed>
  let epoch = 0

  /** A cluster that has these workers already. */
  async function clusterOf(ids: readonly string[]): Promise<Cluster> {
    const known = ids.map((id) => ({ id, createdAt: 0, succeeded: 0, failed: 0 }))
    const cluster = new Cluster({
      store: { workers: async () => known },
      commit: (mutations) => store.commit(epoch, mutations),
      appraiser: testAppraiser(policy, clock),
      collateral: simulatedSource(clock),
      tokens: openTokens(folder),
      clock,
      log: createLogger('test', 'silent'),
      metrics: createMetrics(),
      heartbeatMs: 1000,
      maxEvidenceAgeMs: 60_000,
    })
    await cluster.load()
    return cluster
  }
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`)
  const honest = () => honestWorker(enclave, () => feed.read()).impl

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vorta-cluster-test-'))
    store = await openSqliteStore(':memory:')
    feed = reportFeed()
    epoch = (await store.lead({ holder: 'test', ttlMs: 1000, now: clock.now() })).epoch
  })
  afterEach(async () => {
    feed.end()
    await store.close()
    rmSync(folder, { recursive: true })
  })

  test('has room for 10,000 workers: further ids are turned away, known ones are not', async () => {
    const full = await clusterOf(ids(10_000))
    const impl = honest()
    const stranger = await serveWorker(impl)
    await full.join('one-more', stranger.socket, peer)
    await stranger.closed
    assert.equal(full.get('one-more'), undefined)
    const member = await serveWorker(impl)
    const ended = full.join('w9999', member.socket, peer)
    feed.push()
    await until('it is ready', () => full.get('w9999')?.state === 'READY')
    member.hangUp()
    await ended
  })

  test('asks a worker that floods it with reports for one round trip at a time', async () => {
    const impl = honest()
    let described = 0
    const hanging: WorkerImpl = {
      ...impl,
      describe: (request, context) =>
        described++ === 0 ? impl.describe!(request, context) : new Promise(() => {}),
    }
    const cluster = await clusterOf([])
    const { socket, hangUp } = await serveWorker(hanging)
    const ended = cluster.join('w1', socket, peer)
    for (let report = 0; report < 50; report++) feed.push()
    await until('all are read', () => cluster.get('w1')?.heartbeats === 50)
    await until('it was asked', () => described > 1)
    assert.equal(described, 2)
    hangUp()
    await ended
  })

  test('makes room for a worker by forgetting names that were only ever turned away', async () => {
    const full = await clusterOf(ids(9_999))
    full.turnAway('w0', fail('UNAVAILABLE', 'a worker of old'))
    full.turnAway('made-up-1', fail('UNAVAILABLE', 'no enclave'))
    full.turnAway('made-up-2', fail('UNAVAILABLE', 'no enclave'))
    assert.deepEqual([full.get('made-up-1'), full.get('made-up-2')?.id], [undefined, 'made-up-2'])
    const { socket, hangUp } = await serveWorker(honest())
    const ended = full.join('w-new', socket, peer)
    feed.push()
    await until('it is ready', () => full.get('w-new')?.state === 'READY')
    assert.equal(full.all().length, 10_000)
    assert.ok(full.get('w0'))
    hangUp()
    await ended
  })
})

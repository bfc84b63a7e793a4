// Workers that join over real connections: honest ones, and ones that lie.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { policyDecoder } from '@vorta/attestation'
import { simulatedSource } from '@vorta/attestation/collateral-service/sources'
import { canonicalBytes, fail, fakeClock, toHex } from '@vorta/core'
import { createLogger } from '@vorta/core/log'
import { workerMessage } from '../api/messages.ts'
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
  let folder: string
  let store: Store
  let feed: ReturnType<typeof reportFeed>
  const metrics = createMetrics()
  const policy = policyDecoder({
    simulated: true,
    measurements: { mrenclave: [toHex(testMeasurement)], mrsigner: [] },
  })
  let cluster: Cluster
  let tokens: ReturnType<typeof openTokens>
  let capacity = 0
  let epoch = 0

  const open = (from: Pick<Store, 'workers'> = store, collateral = simulatedSource(clock)) =>
    new Cluster({
      store: from,
      commit: (mutations) => store.commit(epoch, mutations),
      appraiser: testAppraiser(policy, clock),
      collateral,
      tokens,
      clock,
      log: createLogger('test', 'silent'),
      metrics,
      heartbeatMs: 1000,
      maxEvidenceAgeMs: 60_000,
    })

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vorta-cluster-test-'))
    store = await openSqliteStore(':memory:')
    tokens = openTokens(folder)
    feed = reportFeed()
    capacity = 0
    epoch = (await store.lead({ holder: 'test', ttlMs: 1000, now: clock.now() })).epoch
    cluster = open()
    cluster.onCapacity = () => void capacity++
  })
  afterEach(async () => {
    feed.end()
    cluster.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })

  const peer = makeEnclave(clock).identity
  /** Joins on a connection that the enclave `peer` opened. */
  const joins = async (impl: WorkerImpl, id = 'w1', opened = peer) => {
    const connection = await serveWorker(impl)
    const ended = cluster.join(id, connection.socket, opened)
    return { ...connection, ended, worker: () => cluster.get(id) }
  }
  const honest = (measurement?: Uint8Array) =>
    honestWorker(makeEnclave(clock, measurement), () => feed.read())
  const stateOf = (id = 'w1') => cluster.get(id)?.state

  test('admits a worker whose enclave is accepted, and gives it a session', async () => {
    const { impl, calls } = honest()
    const { ended, hangUp } = await joins(impl)
    feed.push()
    await until('it is ready', () => stateOf() === 'READY')
    const [token] = calls.admitted
    assert.equal(tokens.roleOf(`Bearer ${token}`), 'worker')
    const view = cluster.get('w1')?.view()
    assert.ok(view?.ready && view.attested)
    assert.deepEqual([view.tee, view.slots, view.cpu, view.memoryFree], ['simulated', 4, 0.5, 50])
    assert.equal(capacity, 1)
    assert.deepEqual(
      (await store.workers()).map(({ id }) => id),
      ['w1'],
    )
    const { appraisal } = cluster.get('w1') ?? {}
    const row = await store.evidence(appraisal?.sha256 ?? '')
    assert.equal(JSON.parse(row?.appraisal ?? '').accepted, true)
    const shown = async () =>
      /worker_cpu_ratio\{worker="w1"\}/.test(await metrics.registry.metrics())
    assert.ok(await shown())
    hangUp()
    await ended
    await until('it is lost', () => stateOf() === 'LOST')
    assert.equal(tokens.roleOf(`Bearer ${token}`), undefined, 'its session is over')
    assert.equal(await shown(), false, 'a lost worker has no load')
    assert.equal(cluster.get('w1')?.view().ready, false)
  })

  test('turns away a worker whose enclave the policy does not name, and says so', async () => {
    const unwanted = new Uint8Array(32).fill(9)
    const { impl, calls } = honest(unwanted)
    const { ended, closed } = await joins(impl, 'w1', makeEnclave(clock, unwanted).identity)
    await ended
    await closed
    assert.equal(calls.admitted.length, 1)
    const code = calls.admitted[0] ?? ''
    assert.equal(cluster.get('w1')?.appraisal?.accepted, false)
    assert.equal(cluster.get('w1')?.appraisal?.code, code)
    assert.equal(stateOf(), 'LOST')
  })

  test('turns away a replay of evidence', async () => {
    const { impl } = honest()
    const old = await makeEnclave(clock).attest(new Uint8Array(32))
    const { ended } = await joins({
      ...impl,
      attest: () => ({
        claims: new TextEncoder().encode(
          JSON.stringify(old.claims, Object.keys(old.claims).sort()),
        ),
        quote: old.quote,
        tee: 'simulated',
      }),
    })
    await ended
    assert.equal(cluster.get('w1')?.appraisal?.code, 'NONCE_MISMATCH')
  })

  for (const [what, answer] of [
    ['a kind of enclave that is none', { tee: 'sev' }],
    ['claims that are not canonical', { claims: new TextEncoder().encode('{ }') }],
    ['claims without end', { claims: new Uint8Array(1 << 20).fill(0x20) }],
    ['a quote without end', { quote: new Uint8Array(1 << 20) }],
    ['no quote', { quote: new Uint8Array() }],
  ] as const) {
    test(`ends the connection of a worker that answers with ${what}, and keeps nothing`, async () => {
      const enclave = makeEnclave(clock)
      const { impl } = honestWorker(enclave, () => feed.read())
      const { ended, closed } = await joins({
        ...impl,
        attest: async ({ nonce }) => {
          const { claims, quote } = await enclave.attest(nonce)
          const text = JSON.stringify(claims, Object.keys(claims).sort())
          return { claims: new TextEncoder().encode(text), quote, tee: 'simulated', ...answer }
        },
      })
      await ended
      await closed
      assert.equal(stateOf(), 'LOST')
      assert.deepEqual((await store.appraisals(10)).items, [])
    })
  }

  test('ends the connection of a worker whose quote there is no collateral for', async () => {
    const none = async () => {
      throw fail('COLLATERAL_UNAVAILABLE', 'no endpoint has it')
    }
    cluster = open(store, none)
    const { impl } = honest()
    const { ended, closed } = await joins(impl)
    await ended
    await closed
    assert.deepEqual([stateOf(), (await store.appraisals(10)).items], ['LOST', []])
  })

  test('turns away simulated evidence that calls itself hardware', async () => {
    const enclave = makeEnclave(clock)
    const { impl } = honestWorker(enclave, () => feed.read())
    const { ended } = await joins({
      ...impl,
      attest: async ({ nonce }) => {
        const { claims, quote } = await enclave.attest(nonce)
        return { claims: canonicalBytes(claims), quote, tee: 'sgx' }
      },
    })
    await ended
    assert.equal(cluster.get('w1')?.appraisal?.code, 'TEE_MISMATCH')
  })

  for (const [what, opened] of [
    ['code', makeEnclave(clock, new Uint8Array(32)).identity],
    ['platform', makeEnclave(clock, testMeasurement, new Uint8Array(16)).identity],
  ] as const) {
    test(`ends a connection that an enclave of another ${what} opened`, async () => {
      const code = 'RATLS_OTHER_ENCLAVE'
      const counted = async () =>
        (await metrics.raTlsRefused.get()).values.find(({ labels }) => labels.code === code)
          ?.value ?? 0
      const before = await counted()
      const { impl, calls } = honest()
      const { ended, closed } = await joins(impl, 'w1', opened)
      await ended
      await closed
      assert.deepEqual(calls.admitted, [code])
      assert.equal(cluster.get('w1')?.refusal?.code, code)
      assert.equal(stateOf(), 'LOST')
      assert.equal(await counted(), before + 1)
      const { message = '' } = cluster.get('w1')?.refusal ?? {}
      assert.ok(!message.includes(opened.ppid), 'which processor that is, is for nobody to read')
    })
  }

  test('remembers why a worker got no connection, until it has one', async () => {
    cluster.turnAway('w1', fail('UNAVAILABLE', 'not today'))
    const worker = cluster.get('w1')
    assert.equal(worker?.refusal?.code, 'UNAVAILABLE')
    assert.equal(workerMessage(worker).attestation?.errorCode, 'UNAVAILABLE')
    assert.equal(worker.view().attestationCode, 'UNAVAILABLE')
    const { hangUp, ended } = await joins(honest().impl)
    feed.push()
    await until('it is ready', () => stateOf() === 'READY')
    assert.equal(worker.refusal, undefined)
    cluster.turnAway('w1', fail('UNAVAILABLE', 'somebody else'))
    assert.equal(worker.refusal, undefined, 'nobody speaks for a worker that is there')
    hangUp()
    await ended
  })

  test('challenges an enclave anew when it was restarted, and does not trust it meanwhile', async () => {
    const { impl, calls } = honest()
    await joins(impl)
    feed.push({ generation: 0n })
    await until('it is ready', () => stateOf() === 'READY')
    clock.advance(2000)
    const before = cluster.get('w1')?.enclave
    feed.push({ generation: 1n })
    await until('it was challenged', () => calls.attest === 2)
    await until('it is ready again', () => stateOf() === 'READY')
    assert.notEqual(cluster.get('w1')?.enclave, before)
    assert.equal(cluster.get('w1')?.enclave?.generation, 1n)
  })

  test('challenges an enclave anew before its evidence is too old', async () => {
    const { impl, calls } = honest()
    await joins(impl)
    feed.push()
    await until('it is ready', () => stateOf() === 'READY')
    clock.advance(29_000)
    feed.push()
    await until('it was heard', () => capacity === 2)
    assert.equal(calls.attest, 1)
    clock.advance(2000)
    feed.push()
    await until('it was challenged', () => calls.attest === 2)
  })

  test('does not appraise as often as a worker likes', async () => {
    const { impl, calls } = honest()
    await joins(impl)
    for (let generation = 1n; generation <= 100n; generation++) feed.push({ generation })
    await until('all were heard', () => capacity === 100)
    assert.equal(calls.attest, 1)
    assert.equal((await store.appraisals(10)).items.length, 1)
    assert.equal(stateOf(), 'NOT_READY')
  })

  test('keeps what a worker says of itself to its size', async () => {
    const { impl } = honest()
    await joins({
      ...impl,
      describe: () => ({
        version: `\u001b[31m${'9'.repeat(100_000)}`,
        tee: {
          kind: 'sgx',
          quotes: true,
          epcBytes: -1n,
          measurement: 'f'.repeat(1000),
          proofs: Array.from({ length: 1000 }, () => ({
            system: 'groth16',
            curves: Array(1000).fill('bn254'),
            proofsPerSecond: Number.POSITIVE_INFINITY,
          })),
        },
      }),
    })
    const digest = `sha256:${'a'.repeat(64)}`
    feed.push({
      status: {
        usage: { memoryFreeBytes: -5n, slots: 2 ** 31 - 1, running: -7, cpu: Number.NaN },
        cached: [digest, 'x'.repeat(1000), '', `${digest} `],
      },
    })
    await until('it was heard', () => capacity === 1)
    const worker = cluster.get('w1')
    const view = worker?.view()
    assert.ok(worker && view)
    assert.equal(worker.version.length, 64)
    assert.ok(!worker.version.includes('\u001b'))
    assert.equal(worker.tee?.proofs.length, 32)
    assert.equal(worker.tee?.proofs[0]?.curves.length, 32)
    assert.equal(worker.tee?.proofs[0]?.proofsPerSecond, 0)
    assert.deepEqual([view.memoryFree, view.epcFree, view.slots, view.cpu], [0, 0, 4096, 1])
    assert.deepEqual([...worker.cached], [digest])
    assert.equal(view.tee, 'simulated', 'what its evidence proves counts, not what it says')
  })

  test('forgets artifacts that a worker evicted, and all when it leaves', async () => {
    const { impl } = honest()
    const { hangUp, ended } = await joins(impl)
    const [a, b] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string]
    feed.push({ status: { cached: [a, b] } })
    feed.push({ status: { evicted: [a] } })
    await until('both were heard', () => capacity === 2)
    const view = cluster.get('w1')?.view()
    assert.deepEqual([view?.hasArtifact(a), view?.hasArtifact(b)], [false, true])
    hangUp()
    await ended
    await until('it is lost', () => stateOf() === 'LOST')
    assert.equal(view?.hasArtifact(b), false)
  })

  test('takes the newest connection of a worker for the right one, and proves it anew', async () => {
    const first = honest()
    const one = await joins(first.impl)
    feed.push()
    await until('it is ready', () => stateOf() === 'READY')
    const oldFeed = feed
    feed = reportFeed()
    const second = honest()
    const two = await joins(second.impl)
    assert.equal(cluster.get('w1')?.enclave, undefined, 'not accepted before it was challenged')
    await one.closed
    await one.ended
    assert.notEqual(stateOf(), 'LOST')
    feed.push()
    await until('it is ready again', () => stateOf() === 'READY')
    assert.equal(tokens.roleOf(`Bearer ${first.calls.admitted[0]}`), undefined)
    assert.equal(tokens.roleOf(`Bearer ${second.calls.admitted[0]}`), 'worker')
    oldFeed.end()
    two.hangUp()
    await two.ended
  })

  test('drops a worker that is silent for longer than its lease', async () => {
    const { impl } = honest()
    const { ended } = await joins(impl)
    feed.push()
    await until('it is ready', () => stateOf() === 'READY')
    clock.advance(5000)
    cluster.dropSilent(5000)
    assert.equal(stateOf(), 'READY')
    clock.advance(1)
    cluster.dropSilent(5000)
    await ended
    await until('it is lost', () => stateOf() === 'LOST')
  })

  test('drops a connection whose HTTP/2 the worker ended', async () => {
    const { impl } = honest()
    const { ended, goAway, closed, worker } = await joins(impl)
    feed.push()
    await until('it is ready', () => stateOf() === 'READY')
    await goAway()
    // The next calls find no session, and must not open another one on the same socket.
    const call = () =>
      worker()
        ?.session?.abort(['j1'])
        .catch(() => {})
    await until('it is lost', async () => {
      await call()
      return stateOf() === 'LOST'
    })
    await ended
    await closed
  })

  test('knows its workers after a restart, as lost', async () => {
    const { impl } = honest()
    const { hangUp, ended } = await joins(impl, 'w7')
    await until('it is stored', async () => (await store.workers()).length === 1)
    hangUp()
    await ended
    const again = open()
    await again.load()
    assert.deepEqual(
      again.all().map(({ id, state }) => [id, state]),
      [['w7', 'LOST']],
    )
  })
})

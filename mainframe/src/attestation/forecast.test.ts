// Forecasts for simulated platforms before and after a TCB recovery, the watch
// over real sockets and a real store; only time is moved.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { policyDecoder, simulatedAnchor } from '@vorta/attestation'
import {
  collateralConfig,
  openCollateralSources,
} from '@vorta/attestation/collateral-service/sources'
import { Memory } from '@vorta/attestation/memory'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedEvaluationNumbers } from '@vorta/attestation/simulated/evaluation-numbers'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import { type PcsKnobs, type StandInPcs, startPcs } from '@vorta/attestation/testkit/pcs'
import { recoveryNumber, tcbRecovery } from '@vorta/attestation/testkit/tcb-recovery'
import { verifyCollateral } from '@vorta/attestation/verify-collateral'
import { type Canonical, canonicalBytes, fakeClock, systemRandom, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { createLogger } from '@vorta/core/log'
import { workerMessage } from '../api/messages.ts'
import { ClusterWorker } from '../cluster/worker.ts'
import { createMetrics } from '../metrics.ts'
import { testConnection } from '../testkit/connection.ts'
import { makeEnclave } from '../testkit/enclave.ts'
import { temporaryFolder } from '../testkit/parts.ts'
import { forecast } from './forecast.ts'
import { type ForecastSettings, ForecastWatch } from './forecast-watch.ts'

const day = 24 * 3_600_000
const start = Date.UTC(2026, 5, 1)
const event = start - 10 * day
const settings: ForecastSettings = {
  every: 6 * 3_600_000,
  standardAfter: 42 * day,
  cordon: 'certain',
  cordonBefore: 600_000,
}
const strict = policyDecoder({ simulated: true })
const patient = policyDecoder({
  simulated: true,
  grace: { statuses: ['OutOfDate'], period: '14d' },
})

suite('a forecast', () => {
  const quote = simulatedPlatform({ platformId: new Uint8Array(16), now: start }).quote({
    measurement: new Uint8Array(32),
    reportData: new Uint8Array(64),
  })
  const held = async (collateral: ReturnType<typeof simulatedCollateral>, now = start) => {
    const options = { anchors: [simulatedAnchor], now }
    const verified = await verifyCollateral(nodeCrypto, collateral, options)
    return { collateral, verified, fetchedAt: now }
  }
  const numbers = [{ number: recoveryNumber, recoveryEventAt: event, tcbDate: event }]
  const look = async (
    policy: typeof strict,
    present: ReturnType<typeof simulatedCollateral>,
    early?: ReturnType<typeof simulatedCollateral>,
    known: typeof numbers = numbers,
  ) =>
    forecast(
      quote,
      {
        present: await held(present),
        early: early && (await held(early)),
        numbers: known,
      },
      {
        crypto: nodeCrypto,
        policy,
        anchors: [simulatedAnchor],
        now: start,
        standardAfterMs: settings.standardAfter,
        memory: new Memory(),
      },
    )
  const today = simulatedCollateral(start)
  const recovery = tcbRecovery(start, event)
  const lacking = {
    part: 'SGX component',
    component: 1,
    name: 'BIOS: Early Microcode Update',
    have: 8,
    need: 9,
  }

  test('is good where the announced edition accepts the platform, or there is none', async () => {
    for (const early of [undefined, today, simulatedCollateral(start, { evaluationNumber: 19 })]) {
      const made = await look(strict, today, early)
      assert.equal(made.deadline, undefined)
      assert.equal(made.status, 'UpToDate')
      assert.deepEqual(made.shortfalls, [])
    }
  })

  test('names day and component before Intel demands it', async () => {
    const made = await look(strict, today, recovery)
    assert.equal(made.deadline, event + 42 * day)
    assert.equal(made.estimated, true)
    assert.equal(made.status, 'OutOfDate')
    assert.equal(made.evaluationNumber, 19)
    assert.deepEqual(made.advisoryIds, ['VORTA-SIM-00002'])
    assert.deepEqual(made.shortfalls, [lacking])
  })

  test('goes by the date of the missed level where there are no evaluation numbers', async () => {
    assert.equal((await look(strict, today, recovery, [])).deadline, event + 42 * day)
  })

  test('gives what grace is left once Intel demands it', async () => {
    const made = await look(patient, recovery, recovery)
    assert.equal(made.deadline, event + 14 * day)
    assert.equal(made.estimated, false)
    assert.deepEqual(made.shortfalls, [lacking])
    assert.equal((await look(strict, recovery)).deadline, start, 'no grace: at once')
  })

  test('takes the later of the grace and of the day it becomes the standard', async () => {
    const late = policyDecoder({
      simulated: true,
      grace: { statuses: ['OutOfDate'], period: '100d' },
    })
    assert.equal((await look(late, today, recovery)).deadline, event + 100 * day)
    assert.equal((await look(patient, today, recovery)).deadline, event + 42 * day)
  })

  test('says so where the platform is revoked, or older than everything', async () => {
    const revoked = simulatedCollateral(start, { revokedPlatforms: [new Uint8Array(16)] })
    const made = await look(strict, revoked)
    assert.deepEqual([made.status, made.deadline, made.estimated], ['PCK_REVOKED', start, false])
  })

  test('says nothing where the collateral itself has run out', async () => {
    const spent = await held(today)
    const options = {
      crypto: nodeCrypto,
      policy: strict,
      anchors: [simulatedAnchor],
      now: start + 40 * day,
      standardAfterMs: settings.standardAfter,
      memory: new Memory(),
    }
    const editions = { present: spent, early: undefined, numbers: [] }
    await assert.rejects(forecast(quote, editions, options), { code: /_EXPIRED$/ })
  })

  test('looks at advisories and evaluation numbers that the policy asks for, too', async () => {
    const noted = simulatedCollateral(start, {
      evaluationNumber: 19,
      tcbStatus: 'SWHardeningNeeded',
      advisoryIds: ['VORTA-SIM-00003'],
    })
    const picky = policyDecoder({ simulated: true, advisories: { SWHardeningNeeded: [] } })
    assert.equal((await look(picky, today, noted)).deadline, event + 42 * day)
    assert.equal((await look(strict, today, noted)).deadline, undefined)
  })
})

suite('the watch over forecasts', () => {
  let folder: string
  let pcs: StandInPcs
  let clock: ReturnType<typeof fakeClock>
  let worker: ClusterWorker
  let enclave: ReturnType<typeof makeEnclave>
  let capacity: number
  const metrics = createMetrics()
  const rows = new Map<string, Uint8Array>()

  beforeEach(async () => {
    folder = temporaryFolder()
    clock = fakeClock(start)
    capacity = 0
    pcs = await startPcs({
      collateral: () => simulatedCollateral(clock.now()),
      evaluationNumbers: (tee) =>
        simulatedEvaluationNumbers(clock.now(), tee, [
          { number: recoveryNumber, recoveryEventAt: event, tcbDate: event },
        ]),
    })
    enclave = makeEnclave(clock)
    worker = new ClusterWorker({ id: 'w1', createdAt: start, succeeded: 0, failed: 0 })
    worker.session = testConnection()
    worker.enclaveReady = true
    await present()
  })
  afterEach(() => pcs.close())

  /** The worker answers a challenge. */
  async function present() {
    const bytes = canonicalBytes((await enclave.evidence()) as Canonical)
    const evidenceSha256 = toHex(nodeCrypto.sha256(bytes))
    rows.set(evidenceSha256, bytes)
    const { spki } = enclave
    const expiresAt = clock.now() + day
    worker.enclave = { generation: 0n, spki, evidenceSha256, tee: 'simulated', expiresAt }
  }

  async function open(changed: Partial<ForecastSettings> = {}, policy = patient) {
    const config = collateralConfig({ simulatedEndpoints: [{ url: pcs.url }], grace: '720h' })
    const deps = { crypto: nodeCrypto, clock, random: systemRandom }
    const collateral = await openCollateralSources(config, folder, deps)
    return new ForecastWatch(
      { ...settings, ...changed },
      {
        cluster: { all: () => [worker], onCapacity: () => void capacity++ },
        store: {
          evidence: async (sha256) => {
            const evidence = rows.get(sha256)
            return evidence && { sha256, worker: 'w1', appraisedAt: start, evidence, appraisal: '' }
          },
        },
        collateral,
        policy,
        crypto: nodeCrypto,
        clock,
        log: createLogger('test', 'silent'),
        metrics,
      },
    )
  }

  const announce = (edition: 'early' | 'standard'): void => {
    const collateral: PcsKnobs['collateral'] = ({ update }) =>
      edition === 'standard' || update === 'early' || update === recoveryNumber
        ? tcbRecovery(clock.now(), event)
        : simulatedCollateral(clock.now())
    pcs.knobs.collateral = collateral
  }

  const remaining = async (watch: ForecastWatch) => {
    watch.show()
    return (await metrics.tcbGrace.get()).values.find(({ labels }) => labels.worker === 'w1')?.value
  }

  test('shows the announced end in the API and the metrics, and leaves the worker alone', async () => {
    announce('early')
    const watch = await open()
    await watch.tick()
    assert.equal(await remaining(watch), (event + 42 * day - start) / 1000)
    const { forecast: shown, cordonReason } = workerMessage(worker)
    assert.equal(shown?.estimated, true)
    assert.equal(shown.shortfalls[0]?.need, 9)
    assert.equal(cordonReason, '')
    clock.advance(60 * day)
    await watch.tick()
    assert.equal(worker.state === 'DRAINING', false, 'estimates cordon nobody')
  })

  test('cordons a worker shortly before its grace ends, and takes that back once it is patched', async () => {
    announce('standard')
    const watch = await open()
    await watch.tick()
    assert.equal(worker.forecast?.deadline, event + 14 * day)
    assert.equal(worker.cordonReason, undefined)
    clock.advance(event + 14 * day - 600_000 - start)
    await watch.tick()
    assert.equal(worker.state, 'DRAINING')
    assert.equal(worker.view().draining, true)
    assert.match(workerMessage(worker).cordonReason, /OutOfDate is accepted until 2026-06-05/)

    pcs.knobs.collateral = () => simulatedCollateral(clock.now(), { evaluationNumber: 19 })
    clock.advance(day)
    await present()
    await watch.tick()
    assert.equal(worker.cordonReason, undefined)
    assert.equal(capacity, 1)
    assert.equal(await remaining(watch), undefined)
  })

  test('cordons by estimates, or never, where the configuration says so', async () => {
    announce('early')
    const bold = await open({ cordon: 'estimated', standardAfter: 0 }, strict)
    await bold.tick()
    assert.equal(worker.state, 'DRAINING')
    announce('standard')
    clock.advance(day)
    const never = await open({ cordon: 'never' }, strict)
    await never.tick()
    assert.equal(worker.forecast?.deadline, clock.now())
    assert.equal(worker.cordonReason, undefined)
  })

  test('asks again in a while where the endpoints are away, and keeps what it knew', async () => {
    announce('early')
    const watch = await open()
    await watch.tick()
    const known = worker.forecast
    await present()
    pcs.knobs.status = 500
    clock.advance(31 * day)
    await watch.tick()
    const asked = pcs.requests.length
    await watch.tick()
    assert.equal(pcs.requests.length, asked)
    assert.equal(worker.forecast, known)
    pcs.knobs.status = 200
    clock.advance(6 * 60_000)
    await watch.tick()
    assert.equal(worker.forecast?.time, clock.now())
  })

  test('cordons nobody because its own collateral has run out', async () => {
    const watch = await open({ cordon: 'estimated' }, strict)
    await watch.tick()
    pcs.knobs.status = 500
    clock.advance(40 * day)
    await watch.tick()
    assert.equal(worker.cordonReason, undefined)
    assert.equal(worker.forecast?.deadline, undefined)
  })

  test('does not judge a worker by evidence that it has replaced meanwhile', async () => {
    announce('standard')
    const watch = await open({}, strict)
    const first = watch.tick()
    await present()
    await first
    assert.equal(workerMessage(worker).forecast, undefined)
    await watch.tick()
    assert.equal(worker.forecast?.status, 'OutOfDate')
  })

  test('looks again at what new collateral came up for while it looked', async () => {
    const watch = await open({}, strict)
    const first = watch.tick()
    watch.recheck()
    await first
    clock.advance(1)
    await watch.tick()
    assert.equal(worker.forecast?.time, clock.now())
  })

  test('does nothing about workers whose collateral comes from no service', async () => {
    worker.enclave = { ...worker.enclave!, tee: 'sgx' }
    const watch = await open()
    rows.clear()
    await watch.tick()
    assert.equal(worker.forecast, undefined)
  })
})

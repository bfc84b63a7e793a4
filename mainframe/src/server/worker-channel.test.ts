// The mainframe's end of RA-TLS against honest workers and false ones.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { policyDecoder } from '@vorta/attestation'
import { openChannel } from '@vorta/attestation/ra-tls/channel'
import {
  createRaTlsKey,
  issueCertificate,
  type QuotedClaims,
} from '@vorta/attestation/ra-tls/issue'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { fakeClock, systemRandom, toHex } from '@vorta/core'
import { createLogger } from '@vorta/core/log'
import { createOwnIdentity } from '../attestation/own-certificate.ts'
import { createMetrics } from '../metrics.ts'
import { makeEnclave, type TestEnclave, testMeasurement } from '../testkit/enclave.ts'
import { openWorkerEnd, socketPair } from '../testkit/worker.ts'
import { type ChannelDeps, openWorkerChannel } from './worker-channel.ts'

const clock = fakeClock(Date.now())
const day = 24 * 3_600_000
const policy = policyDecoder({
  simulated: true,
  measurements: { mrenclave: [toHex(testMeasurement)] },
})

suite("the mainframe's end of a worker's channel", () => {
  let deps: ChannelDeps
  let metrics: ReturnType<typeof createMetrics>
  let nonce: Uint8Array
  let ends: Awaited<ReturnType<typeof socketPair>>
  beforeEach(async () => {
    nonce = systemRandom(32)
    metrics = createMetrics()
    deps = {
      identity: createOwnIdentity(undefined, clock),
      collateral: async () => simulatedCollateral(clock.now()),
      policy,
      clock,
      log: createLogger('test', 'silent'),
      metrics,
    }
    ends = await socketPair()
  })
  afterEach(() => {
    for (const end of ends) end.destroy()
  })

  const enclave = makeEnclave(clock)

  test('knows by which enclave it was opened', async () => {
    const [accepted, dialled] = ends
    const [{ socket, peer }, worker] = await Promise.all([
      openWorkerChannel(deps, 'w1', accepted, nonce),
      openWorkerEnd(dialled, nonce, enclave),
    ])
    assert.deepEqual(peer, enclave.identity)
    socket.write('hello')
    assert.equal(String((await once(worker, 'data'))[0]), 'hello')
  })

  /** Counts, tells and ends a refusal. */
  async function refuses(code: string, worker: TestEnclave, change: Partial<ChannelDeps> = {}) {
    const [accepted, dialled] = ends
    const [refused, told] = await Promise.allSettled([
      openWorkerChannel({ ...deps, ...change }, 'w1', accepted, nonce),
      openWorkerEnd(dialled, nonce, worker),
    ])
    assert.equal(refused.status === 'rejected' && refused.reason.code, code)
    assert.equal(told.status === 'rejected' && told.reason.code, code)
    dialled.destroy()
    const text = await metrics.registry.metrics()
    assert.ok(text.includes(`vorta_ratls_refused_total{code="${code}"} 1\n`))
  }

  /** An enclave whose word for a key is passed on in another way. */
  const passing = (vouch: (spki: Uint8Array, nonce: Uint8Array) => Promise<QuotedClaims>) => ({
    ...enclave,
    vouch,
  })

  test('refuses a man in the middle: the right quote, for another key', () => {
    const stolen = createRaTlsKey().spki
    return refuses(
      'RATLS_KEY_MISMATCH',
      passing((_, asked) => enclave.vouch(stolen, asked)),
    )
  })

  test('refuses the claims of one quote beside another', () =>
    refuses(
      'RATLS_REPORT_DATA',
      passing(async (spki, asked) => ({
        ...(await enclave.vouch(spki, asked)),
        quote: (await enclave.vouch(createRaTlsKey().spki, asked)).quote,
      })),
    ))

  test('refuses a certificate made for an earlier connection', () =>
    refuses(
      'RATLS_NONCE',
      passing((spki) => enclave.vouch(spki, systemRandom(32))),
    ))

  test('refuses a valid quote of another measurement', () =>
    refuses('MEASUREMENT_NOT_ALLOWED', makeEnclave(clock, new Uint8Array(32))))

  test('refuses simulated enclaves where the policy names none', () =>
    refuses('SIMULATED_NOT_ALLOWED', enclave, { policy: { ...policy, simulated: false } }))

  test('refuses by collateral that has expired', () =>
    refuses('CRL_EXPIRED', enclave, {
      collateral: async () => simulatedCollateral(clock.now() - 60 * day),
    }))

  test('refuses a worker that shows no quote, or no certificate, or speaks no TLS', async () => {
    const now = clock.now()
    const identity = issueCertificate({
      key: createRaTlsKey(),
      commonName: 'w1',
      now,
      lifetime: day,
    })
    const signal = AbortSignal.timeout(5_000)
    const [accepted, dialled] = ends
    const opening = openWorkerChannel(deps, 'w1', accepted, nonce)
    const [{ code }] = await Promise.all([
      opening.catch((thrown) => thrown),
      openChannel(dialled, { ...identity, role: 'client', signal }),
    ])
    assert.equal(code, 'RATLS_NO_EVIDENCE')

    const [again, plain] = await socketPair()
    plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await assert.rejects(openWorkerChannel(deps, 'w1', again, nonce), { code: 'RATLS_HANDSHAKE' })
    assert.ok(again.destroyed)
  })
})

suite("the mainframe's own certificate", () => {
  test('is made once for many, and anew in time', async () => {
    const moving = fakeClock()
    const identity = createOwnIdentity(undefined, moving)
    const [first, second] = await Promise.all([identity(), identity()])
    assert.equal(first, second)
    moving.advance(12 * 3_600_000 - 1)
    assert.equal(await identity(), first)
    moving.advance(1)
    assert.notEqual((await identity()).key, first.key)
  })

  test('is asked for again where no quote could be made', async () => {
    let broken = true
    const provider = {
      tee: 'simulated',
      measurement: '',
      description: 'one that fails once',
      quote: async () => {
        if (broken) throw new Error('no quote today')
        return { quote: new Uint8Array(8) }
      },
    } as const
    const identity = createOwnIdentity(provider, clock)
    await assert.rejects(identity(), /no quote today/)
    broken = false
    assert.deepEqual((await identity()).quote, new Uint8Array(8))
  })
})

// The service over real sockets: what it asks for, when, and what it does while
// endpoints are slow, broken, away or lying.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { concat, fakeClock, fromHex, toHex, VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { hour, key, openPcs, openService } from '../../test/collateral-fixture.ts'
import { measurement, now, platform, quote, reportData } from '../../test/fixture.ts'
import { intelAnchor, simulatedAnchor } from '../anchors.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { simulatedEvaluationNumbers } from '../simulated/evaluation-numbers.ts'
import { simulatedPlatform } from '../simulated/platform.ts'
import { verifyQuote } from '../verify-quote.ts'
import { simulatedSource } from './sources.ts'

const day = 24 * hour
// A port where nobody listens.
const nobody = 'http://127.0.0.1:1'

suite('the collateral service', () => {
  test('gets what a quote is to be judged by, and asks once', async (t) => {
    const pcs = await openPcs(t)
    const { service } = await openService([pcs.url])
    const { collateral, stale } = await service.forQuote(quote)
    await verifyQuote(nodeCrypto, quote, collateral, { anchors: [simulatedAnchor], now })
    assert.equal(stale, false)
    assert.equal(collateral.pck_certificate_chain, undefined)
    await service.forQuote(quote)
    assert.deepEqual([...pcs.requests].sort(), [
      '/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
      '/sgx/certification/v4/qe/identity?update=standard',
      '/sgx/certification/v4/rootcacrl',
      '/sgx/certification/v4/tcb?fmspc=53494d000000&update=standard',
    ])
  })

  test('fetches once for ten callers at the same time', async (t) => {
    const pcs = await openPcs(t, { delayMs: 20 })
    const { service } = await openService([pcs.url])
    const served = await Promise.all(Array.from({ length: 10 }, () => service.get(key)))
    assert.equal(pcs.requests.length, 4)
    assert.equal(new Set(served.map(({ collateral }) => collateral)).size, 1)
  })

  test('asks nobody about a quote whose platform is not genuine', async (t) => {
    const pcs = await openPcs(t)
    const { service } = await openService([pcs.url], { anchors: [intelAnchor] })
    await assert.rejects(service.forQuote(quote), { code: 'UNTRUSTED_ROOT' })
    await assert.rejects(service.forQuote(new Uint8Array(100)), { code: 'QUOTE_VERSION' })
    assert.deepEqual(pcs.requests, [])
  })

  for (const [fault, knobs] of Object.entries({
    'answers 500': { status: 500 },
    'does not know the platform': { collateral: () => undefined },
    'redirects elsewhere': { status: 302, location: 'http://127.0.0.1:1/' },
    'sends garbage': { body: 'garbage' },
    'never ends its answer': { body: 'never' },
    'ends in the middle': { body: 'cut' },
    'sends without end': { body: 'endless' },
    'is slow': { delayMs: 60_000 },
  } as const)) {
    test(`falls over to the next where an endpoint ${fault}`, async (t) => {
      const broken = await openPcs(t, knobs)
      const good = await openPcs(t)
      const { service, events } = await openService([broken.url, good.url])
      await service.get(key)
      assert.deepEqual(
        events.map((event) => (event.kind === 'asked' ? event.code : event.kind)),
        [
          fault === 'sends garbage' ? 'COLLATERAL_FORMAT' : 'COLLATERAL_UNAVAILABLE',
          'OK',
          'adopted',
        ],
      )
    })
  }

  test('falls over where nobody listens, and says all reasons where all fail', async (t) => {
    const good = await openPcs(t)
    await (await openService([nobody, good.url])).service.get(key)
    const { service } = await openService([nobody, nobody])
    await assert.rejects(service.get(key), (thrown) => {
      const { code, message } = VortaError.from(thrown)
      assert.equal(code, 'COLLATERAL_UNAVAILABLE')
      assert.equal(message.match(/ECONNREFUSED/g)?.length, 2)
      return true
    })
  })

  test('leaves an endpoint alone for as long as it asks', async (t) => {
    const busy = await openPcs(t, { status: 429, retryAfter: '120' })
    const good = await openPcs(t)
    const { service, clock } = await openService([busy.url, good.url])
    await service.get(key)
    const asked = busy.requests.length
    await service.get({ ...key, update: 'early' })
    assert.equal(busy.requests.length, asked)
    clock.advance(121_000)
    await service.get({ ...key, update: 18 })
    assert.ok(busy.requests.length > asked)
  })

  test('remembers a failure for a short while, and as long as the endpoint says', async (t) => {
    const pcs = await openPcs(t, { status: 503 })
    const { service, clock } = await openService([pcs.url])
    await assert.rejects(service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    const asked = pcs.requests.length
    await assert.rejects(service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    assert.equal(pcs.requests.length, asked)
    clock.advance(31_000)
    pcs.knobs.retryAfter = '300'
    await assert.rejects(service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    pcs.knobs.status = 200
    clock.advance(299_000)
    await assert.rejects(service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    clock.advance(2000)
    await service.get(key)
  })

  for (const crlEncoding of ['der', 'hex', 'pem'] as const) {
    test(`reads CRLs in ${crlEncoding}, and header names old and new`, async (t) => {
      const pcs = await openPcs(t, { crlEncoding, oldHeaders: crlEncoding !== 'der' })
      const { service } = await openService([pcs.url])
      const { collateral } = await service.get(key)
      assert.equal(collateral.pck_crl, pcs.knobs.collateral({} as never)?.pck_crl)
    })
  }

  test('keeps nothing that does not verify', async (t) => {
    const fresh = simulatedCollateral(now)
    const revoked = fresh.tcb_info.replace('UpToDate', 'OutOfDate')
    for (const [members, code] of [
      [{ tcb_info: revoked }, 'TCB_SIGNATURE'],
      [{ tcb_info_issuer_chain: fresh.pck_crl_issuer_chain }, 'CHAIN_FORMAT'],
      [{ root_ca_crl: fresh.pck_crl }, 'CRL_ISSUER'],
      [{ pck_crl_issuer_chain: fresh.tcb_info_issuer_chain }, 'CHAIN_FORMAT'],
      [simulatedCollateral(now - 31 * day), 'CRL_EXPIRED'],
      [simulatedCollateral(now + day), 'CRL_NOT_YET_VALID'],
      [simulatedCollateral(now, { fmspc: fromHex('000000000001')! }), 'TCB_MISMATCH'],
    ] as const) {
      const pcs = await openPcs(t, { collateral: () => ({ ...fresh, ...members }) })
      const { service } = await openService([pcs.url])
      await assert.rejects(service.get(key), { code })
      assert.deepEqual(service.held(), [])
    }
  })

  test('never mixes evaluations: takes the older where that is to be had, else refuses', async (t) => {
    const of = (number: number) => simulatedCollateral(now, { evaluationNumber: number })
    const [older, newer] = [of(18), of(19)]
    const pcs = await openPcs(t, {
      collateral: ({ document, update }) =>
        document === 'tcb' && update === 'standard' ? newer : older,
    })
    const { service } = await openService([pcs.url])
    const { verified } = await service.get(key)
    assert.equal(verified.tcbInfo.evaluationNumber, 18)
    assert.ok(pcs.requests.some((path) => path.endsWith('tcbEvaluationDataNumber=18')))

    pcs.knobs.collateral = ({ document }) => (document === 'tcb' ? newer : older)
    const other = await openService([pcs.url])
    await assert.rejects(other.service.get(key), { code: 'COLLATERAL_MIXED' })
    await assert.rejects(other.service.get({ ...key, update: 18 }), { code: 'COLLATERAL_MIXED' })
  })

  test('renews in the background from half of its life on, and serves the old meanwhile', async (t) => {
    const pcs = await openPcs(t)
    const { service, clock } = await openService([pcs.url])
    const first = await service.get(key)
    clock.advance(11 * hour)
    await service.refreshDue()
    assert.equal(pcs.requests.length, 4)
    clock.advance(2 * hour)
    const renewed = simulatedCollateral(clock.now())
    pcs.knobs.collateral = () => renewed
    assert.equal((await service.get(key)).collateral, first.collateral)
    await service.refreshDue()
    assert.equal(pcs.requests.length, 8)
    assert.equal((await service.get(key)).collateral.tcb_info, renewed.tcb_info)
  })

  test('serves what it has while the endpoints are away, marked as stale at the end', async (t) => {
    const pcs = await openPcs(t)
    const { service, clock, events } = await openService([pcs.url], { graceMs: 2 * hour })
    const { verified } = await service.get(key)
    pcs.knobs.status = 500
    clock.advance(29 * day)
    assert.equal((await service.get(key)).stale, false)
    clock.advance(verified.expires - clock.now() + hour)
    assert.equal((await service.get(key)).stale, true)
    const last = events.at(-1)
    assert.ok(last?.kind === 'failed' && last.held === 'stale')
    clock.advance(2 * hour)
    await assert.rejects(service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    pcs.knobs.status = 200
    const renewed = simulatedCollateral(clock.now())
    pcs.knobs.collateral = () => renewed
    clock.advance(hour)
    assert.equal((await service.get(key)).stale, false)
  })

  test('makes nobody wait for an endpoint that hangs, while what it has is in force', async (t) => {
    const pcs = await openPcs(t)
    const { service, clock } = await openService([pcs.url])
    await service.get(key)
    pcs.knobs.body = 'never'
    clock.advance(25 * hour)
    await service.get(key)
    const asked = pcs.requests.length
    clock.advance(31_000)
    let hangs = true
    const ended = service.refreshDue().then(() => {
      hangs = false
    })
    assert.equal((await service.get(key)).stale, false)
    assert.equal(hangs, true)
    await ended
    assert.ok(pcs.requests.length > asked)
  })

  test('a clock that was ahead and is set back delays nothing', async (t) => {
    const pcs = await openPcs(t)
    const ahead = fakeClock(now + 20 * day)
    const { service } = await openService([pcs.url], {}, ahead)
    await service.get(key)
    ahead.advance(-20 * day)
    await service.refreshDue()
    assert.equal(pcs.requests.length, 8, 'what was fetched in the future is due now')

    ahead.advance(20 * day)
    pcs.knobs.status = 429
    pcs.knobs.retryAfter = '3600'
    const early = { ...key, update: 'early' } as const
    await assert.rejects(service.get(early), { code: 'COLLATERAL_UNAVAILABLE' })
    ahead.advance(-20 * day)
    pcs.knobs.status = 200
    assert.equal((await service.get(early)).stale, false)
  })

  test('makes simulated collateral that is in force, whichever way the clock goes', async () => {
    const clock = fakeClock(now + 20 * day)
    const source = simulatedSource(clock)
    const made = await source(quote)
    assert.equal(await source(quote), made)
    clock.advance(-20 * day)
    const anchors = [simulatedAnchor]
    await verifyQuote(nodeCrypto, quote, await source(quote), { anchors, now })
  })

  test('reads the evaluation numbers, and only genuine ones', async (t) => {
    const evaluations = [
      { number: 18, recoveryEventAt: now - 400 * day, tcbDate: now - 400 * day },
      { number: 20, recoveryEventAt: now - 10 * day, tcbDate: now - 9 * day },
    ]
    const genuine = simulatedEvaluationNumbers(now, 'sgx', evaluations)
    const pcs = await openPcs(t, { evaluationNumbers: () => genuine })
    const { service } = await openService([pcs.url])
    assert.deepEqual(
      (await service.evaluationNumbers('sgx')).map(({ number }) => number),
      [20, 18],
    )
    await assert.rejects(service.evaluationNumbers('tdx'), { code: 'EVALNUM_FORMAT' })
    const forged = { ...genuine, body: genuine.body.replace(':20,', ':21,') }
    pcs.knobs.evaluationNumbers = () => forged
    await assert.rejects(service.evaluationNumbers('sgx'), { code: 'EVALNUM_SIGNATURE' })
    const old = simulatedEvaluationNumbers(now - 31 * day, 'sgx', evaluations)
    pcs.knobs.evaluationNumbers = () => old
    await assert.rejects(service.evaluationNumbers('sgx'), { code: 'EVALNUM_EXPIRED' })
  })

  test('fetches the chain of a quote that only names its platform', async (t) => {
    const [leaf, chain] = chainOf(quote)
    const asked: string[] = []
    const pcs = await openPcs(t, {
      pckCertificate: (query) => {
        asked.push(
          ...['encrypted_ppid', 'cpusvn', 'pcesvn', 'pceid'].map((name) => query.get(name) ?? ''),
        )
        return [leaf, chain]
      },
    })
    const { service } = await openService([pcs.url])
    const named = withCertification(platform.quote({ measurement, reportData }), 3, [
      ...new Uint8Array(384).fill(0xee),
      ...new Uint8Array(16).fill(0xcc),
      13,
      0,
      2,
      1, // PCESVN, PCEID
    ])
    const { collateral } = await service.forQuote(named)
    assert.deepEqual(asked, ['ee'.repeat(384), 'cc'.repeat(16), '0d00', '0201'])
    await verifyQuote(nodeCrypto, named, collateral, { anchors: [simulatedAnchor], now })

    const alone = withCertification(quote, 4, new TextEncoder().encode(leaf))
    const served = await service.forQuote(alone)
    await verifyQuote(nodeCrypto, alone, served.collateral, { anchors: [simulatedAnchor], now })
  })

  test('asks once for the platform of many quotes, and seldom for platforms that fail', async (t) => {
    const pair = chainOf(quote)
    const pcs = await openPcs(t, { pckCertificate: () => pair })
    const { service, clock } = await openService([pcs.url])
    const lookups = () => pcs.requests.filter((path) => path.includes('/pckcert')).length
    const again = () => service.forQuote(withPlatform(platform.quote({ measurement, reportData })))
    await Promise.all([again(), again(), again()])
    await again()
    assert.equal(lookups(), 1)

    // Nothing about such a quote can be proven before somebody was asked.
    const garbage = (i: number) => withPlatform(quote, i)
    pcs.knobs.pckCertificate = () => undefined
    await Promise.allSettled(Array.from({ length: 500 }, (_, i) => service.forQuote(garbage(i))))
    assert.ok(lookups() <= 121, `${lookups()} requests for 500 quotes`)
    await again()
    const asked = lookups()
    clock.advance(61_000)
    await assert.rejects(service.forQuote(garbage(1000)), { code: 'COLLATERAL_UNAVAILABLE' })
    await assert.rejects(service.forQuote(garbage(1000)), { code: 'COLLATERAL_UNAVAILABLE' })
    assert.equal(lookups(), asked + 1)
  })

  test('takes the chain from the endpoint that has the right one', async (t) => {
    const other = simulatedPlatform({ platformId: new Uint8Array(16).fill(9), now })
    const foreign = chainOf(other.quote({ measurement, reportData }))
    const wrong = await openPcs(t, { pckCertificate: () => foreign })
    const right = await openPcs(t, { pckCertificate: () => chainOf(quote) })
    const { service } = await openService([wrong.url, right.url])
    const named = withPlatform(quote)
    const { collateral } = await service.forQuote(named)
    await verifyQuote(nodeCrypto, named, collateral, { anchors: [simulatedAnchor], now })
  })

  test('still gets collateral from an endpoint that answers no more questions about platforms', async (t) => {
    const pcs = await openPcs(t, { status: 429, retryAfter: '3600' })
    const { service } = await openService([pcs.url])
    await assert.rejects(service.forQuote(withPlatform(quote)), { code: 'COLLATERAL_UNAVAILABLE' })
    pcs.knobs.status = 200
    assert.equal((await service.forQuote(quote)).stale, false)
  })
})

/** The same quote with its platform named by encrypted PPID only, and some PCESVN. */
const withPlatform = (bytes: Uint8Array, pceSvn = 13): Uint8Array =>
  withCertification(bytes, 3, [
    ...new Uint8Array(400).fill(0xee),
    pceSvn & 0xff,
    pceSvn >> 8,
    ...u16(0),
  ])

/** Leaf, and the rest, of the chain in a version 3 quote. */
function chainOf(bytes: Uint8Array): readonly [string, string] {
  const text = new TextDecoder('latin1').decode(bytes)
  const [leaf = '', ...rest] = text
    .slice(text.indexOf('-----BEGIN'), -1)
    .split(/(?<=-----\n)(?=-----BEGIN)/)
  return [leaf, rest.join('')]
}

/** A version 3 quote with other certification data at its end. */
function withCertification(bytes: Uint8Array, type: number, data: ArrayLike<number>) {
  const start = toHex(bytes).indexOf(toHex(new TextEncoder().encode('-----BEGIN'))) / 2 - 6
  const auth = concat(bytes.slice(436, start), u16(type), u32(data.length), Uint8Array.from(data))
  return concat(bytes.slice(0, 432), u32(auth.length), auth)
}

const u16 = (value: number) => Uint8Array.of(value & 0xff, value >> 8)
const u32 = (value: number) => concat(u16(value & 0xffff), u16(value >>> 16))

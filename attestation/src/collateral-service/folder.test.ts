// What outlives the process: the cache, which is verified again when it is read,
// and the memory of what was seen, which keeps the past from coming back.

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { fakeClock, fromHex } from '@vorta/core'
import { hour, key, openPcs, openService, temporaryFolder } from '../../test/collateral-fixture.ts'
import { now } from '../../test/fixture.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { readBundle, writeBundle } from './bundle.ts'
import { writeDurably } from './durable-file.ts'
import { keyText } from './fetch-collateral.ts'

const day = 24 * hour
const file = `${keyText(key)}.json`
const later = fakeClock(now + day)

suite('the collateral folder', () => {
  test('serves after a restart without any endpoint', async (t) => {
    const folder = temporaryFolder(t)
    const pcs = await openPcs(t)
    const before = await openService([pcs.url], { folder })
    const { collateral } = await before.service.get(key)
    const after = await openService([], { folder })
    assert.deepEqual((await after.service.get(key)).collateral, collateral)
    assert.deepEqual(readdirSync(folder).sort(), ['seen.json', file])
    assert.equal(statSync(join(folder, 'seen.json')).mode & 0o777, 0o600)
  })

  test('does not believe a file that was tampered with', async (t) => {
    const folder = temporaryFolder(t)
    const pcs = await openPcs(t)
    await (await openService([pcs.url], { folder })).service.get(key)
    const path = join(folder, file)
    const good = readFileSync(path, 'utf8')
    const moved = (ms: number) => JSON.stringify({ ...JSON.parse(good), fetchedAt: ms })
    for (const [text, code] of [
      [good.replace('UpToDate', 'Revoked!'), 'TCB_SIGNATURE'],
      [good.slice(0, -10), 'COLLATERAL_FORMAT'],
      ['', 'COLLATERAL_FORMAT'],
      [good.replace('{', '{"more":1,'), 'COLLATERAL_FORMAT'],
      [moved(now - 40 * day), 'CRL_NOT_YET_VALID'],
    ] as const) {
      writeFileSync(path, text)
      const { service, events } = await openService([], { folder })
      const discarded = events.find(({ kind }) => kind === 'discarded')
      assert.ok(discarded?.kind === 'discarded')
      assert.equal(discarded.code, code)
      await assert.rejects(service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    }
    writeFileSync(path, moved(now + 400 * day))
    const { service, clock } = await openService([pcs.url], { folder })
    const { fetchedAt, verified } = service.held()[0]!
    assert.equal(fetchedAt, verified.issued.tcbInfo, 'nothing comes from the future')
    const asked = pcs.requests.length
    clock.advance(13 * hour)
    await service.refreshDue()
    assert.equal(pcs.requests.length, asked + 4)
  })

  test('refuses collateral that is older than what was seen, from endpoint and disk', async (t) => {
    const folder = temporaryFolder(t)
    const [older, newer] = [simulatedCollateral(now), simulatedCollateral(now + day)]
    const pcs = await openPcs(t, { collateral: () => newer })
    await (await openService([pcs.url], { folder }, later)).service.get(key)
    rmSync(join(folder, file))

    pcs.knobs.collateral = () => older
    const fresh = await openService([pcs.url], { folder }, later)
    await assert.rejects(fresh.service.get(key), { code: 'COLLATERAL_ROLLBACK' })
    const other = await openPcs(t, { collateral: () => newer })
    const both = await openService([pcs.url, other.url], { folder }, later)
    assert.equal((await both.service.get(key)).collateral.tcb_info, newer.tcb_info)

    const stored = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    writeFileSync(join(folder, file), JSON.stringify({ ...stored, collateral: older }))
    const { events } = await openService([], { folder }, later)
    assert.deepEqual(
      events.map((event) => event.kind === 'discarded' && event.code),
      ['COLLATERAL_ROLLBACK'],
    )
  })

  for (const [what, parts] of Object.entries({
    'TCB info': ['tcb_info', 'tcb_info_signature', 'tcb_info_issuer_chain'],
    'QE identity': ['qe_identity', 'qe_identity_signature', 'qe_identity_issuer_chain'],
    'PCK CRL': ['pck_crl', 'pck_crl_issuer_chain'],
    'root CRL': ['root_ca_crl'],
  } as const)) {
    test(`keeps the newer set where an endpoint goes back with the ${what} alone`, async (t) => {
      const [older, newer] = [simulatedCollateral(now), simulatedCollateral(now + day)]
      const pcs = await openPcs(t, { collateral: () => newer })
      const { service, clock, events } = await openService([pcs.url], {}, fakeClock(now + day))
      await service.get(key)
      const back = Object.fromEntries(parts.map((part) => [part, older[part]]))
      pcs.knobs.collateral = () => ({ ...newer, ...back })
      clock.advance(13 * hour)
      await service.refreshDue()
      const last = events.at(-1)
      assert.ok(last?.kind === 'failed')
      assert.equal(last.code, 'COLLATERAL_ROLLBACK')
      assert.equal(last.held, 'fresh')
      assert.deepEqual((await service.get(key)).collateral, newer)
    })
  }

  test('refuses an evaluation number lower than one seen', async (t) => {
    const of = (number: number, at: number) => simulatedCollateral(at, { evaluationNumber: number })
    const first = of(19, now)
    const pcs = await openPcs(t, { collateral: () => first })
    const { service, clock, events } = await openService([pcs.url])
    await service.get(key)
    clock.advance(13 * hour)
    const lower = of(18, clock.now())
    pcs.knobs.collateral = () => lower
    await service.refreshDue()
    const last = events.at(-1)
    assert.ok(last?.kind === 'failed' && last.code === 'COLLATERAL_ROLLBACK')
  })

  test('the early edition being ahead does not make the standard one a rollback', async (t) => {
    const early = simulatedCollateral(now, { evaluationNumber: 20 })
    const standard = simulatedCollateral(now)
    const pcs = await openPcs(t, {
      collateral: ({ update }) => (update === 'early' ? early : standard),
    })
    const { service } = await openService([pcs.url])
    const { verified } = await service.get({ ...key, update: 'early' })
    assert.equal(verified.tcbInfo.evaluationNumber, 20)
    assert.equal((await service.get(key)).verified.tcbInfo.evaluationNumber, 18)
  })

  test('keeps sets of different days: the newest CRLs serve for all', async (t) => {
    const folder = temporaryFolder(t)
    const [first, second] = [simulatedCollateral(now), simulatedCollateral(now + day)]
    const pcs = await openPcs(t, { collateral: () => first })
    const { service, clock } = await openService([pcs.url], { folder })
    await service.get(key)
    clock.advance(day)
    pcs.knobs.collateral = () => second
    await service.get({ ...key, update: 'early' })
    const { service: offline, events } = await openService([], { folder }, clock)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['adopted', 'adopted'],
    )
    const { collateral } = await offline.get(key)
    assert.equal(collateral.tcb_info, first.tcb_info)
    assert.equal(collateral.pck_crl, second.pck_crl)
    assert.equal(collateral.root_ca_crl, second.root_ca_crl)
  })

  test('two that write the same file at once do not damage it, and nothing is left over', async (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'file.json')
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(200_000 - i * 9_000))
    await Promise.all(texts.map((text) => writeDurably(path, text)))
    assert.ok(texts.includes(readFileSync(path, 'utf8')))
    await assert.rejects(writeDurably(folder, ''))
    assert.deepEqual(readdirSync(folder), ['file.json'])
    assert.deepEqual(
      readdirSync(dirname(folder)).filter((name) => name.startsWith(`${basename(folder)}.`)),
      [],
    )
  })

  test('remembers after a disk that was full for a while', async (t) => {
    const folder = temporaryFolder(t)
    const pcs = await openPcs(t)
    const { service, clock } = await openService([pcs.url], { folder })
    mkdirSync(join(folder, 'seen.json')) // nothing can be written over it
    await assert.rejects(service.get(key))
    rmSync(join(folder, 'seen.json'), { recursive: true })
    clock.advance(31_000)
    assert.equal((await service.get(key)).stale, false)
    assert.match(readFileSync(join(folder, 'seen.json'), 'utf8'), /evaluation/)
  })

  test('misses no endpoint where it is filled by imports', async (t) => {
    const folder = temporaryFolder(t)
    const { service, clock, events } = await openService([], { folder })
    await service.adopt(simulatedCollateral(now), 'standard')
    clock.advance(2 * day)
    await service.refreshDue()
    assert.equal((await service.get(key)).stale, false)
    const kinds = () => events.map(({ kind }) => kind)
    assert.deepEqual(kinds(), ['adopted'])
    clock.advance(30 * day)
    await service.refreshDue()
    assert.deepEqual(kinds(), ['adopted', 'failed'], 'it has run out')
  })

  test('does not open with a damaged memory, and says what removing it means', async (t) => {
    const folder = temporaryFolder(t)
    for (const text of ['', '{}', '{"version":2,"newest":{}}', '{"version":1,"newest":{"a":-1}}']) {
      writeFileSync(join(folder, 'seen.json'), text)
      await assert.rejects(openService([], { folder }), { code: 'CONFIG_INVALID' })
    }
    rmSync(join(folder, 'seen.json'))
    mkdirSync(join(folder, 'seen.json'))
    await assert.rejects(openService([], { folder }), { code: 'CONFIG_INVALID' })
  })
})

suite('a collateral bundle', () => {
  test('goes from one folder to another with several kinds of platforms', async (t) => {
    const fmspcs = ['53494d000000', '00906ed50000', '50806f000000']
    const pcs = await openPcs(t, {
      collateral: ({ fmspc = fmspcs[0]! }) => simulatedCollateral(now, { fmspc: fromHex(fmspc)! }),
    })
    const from = await openService([pcs.url])
    for (const fmspc of fmspcs) await from.service.get({ ...key, fmspc })
    const text = writeBundle(
      from.service.held().map(({ key: { update }, collateral }) => ({ update, collateral })),
    )

    const folder = temporaryFolder(t)
    const to = await openService([], { folder })
    for (const { collateral, update } of readBundle(JSON.parse(text)))
      await to.service.adopt(collateral, update)
    const offline = await openService([], { folder })
    for (const fmspc of fmspcs) {
      assert.equal((await offline.service.get({ ...key, fmspc })).verified.tcbInfo.fmspc, fmspc)
    }
  })

  test('reaches a service that is running', async (t) => {
    const folder = temporaryFolder(t)
    const running = await openService([], { folder })
    await assert.rejects(running.service.get(key), { code: 'COLLATERAL_UNAVAILABLE' })
    const importer = await openService([], { folder })
    await importer.service.adopt(simulatedCollateral(now), 'standard')
    running.clock.advance(31_000)
    assert.equal((await running.service.get(key)).stale, false)
  })

  test('is refused where it is forged, run out, older than seen, or no bundle', async (t) => {
    const folder = temporaryFolder(t)
    const { service } = await openService([], { folder }, later)
    const good = simulatedCollateral(now + day)
    await service.adopt(good, 'standard')
    for (const [collateral, code] of [
      [{ ...good, tcb_info: good.tcb_info.replace('UpToDate', 'Revoked!') }, 'TCB_SIGNATURE'],
      [simulatedCollateral(now - 40 * day), 'CRL_EXPIRED'],
      [simulatedCollateral(now), 'COLLATERAL_ROLLBACK'],
    ] as const) {
      await assert.rejects(service.adopt(collateral, 'standard'), { code })
    }
    assert.deepEqual(readBundle({ ...good }), [{ update: 'standard', collateral: good }])
    for (const text of ['{}', '[]', '{"mediaType":"application/json","entries":[]}']) {
      assert.throws(() => readBundle(JSON.parse(text)), { code: 'INVALID_ARGUMENT' })
    }
  })
})

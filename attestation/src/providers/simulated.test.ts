import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, toHex } from '@vorta/core'
import { day, measurement, now, platformId, reportData, verify } from '../../test/fixture.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { measurementOf } from '../verified-quote.ts'
import { simulatedQuoteProvider } from './simulated.ts'

const options = { platformId, measurement, now: () => now }

test('makes quotes that verify, for any report data', async () => {
  const provider = simulatedQuoteProvider(options)
  assert.equal(provider.tee, 'simulated')
  for (const fill of [0, 1, 255]) {
    const asked = reportData.map(() => fill)
    const verified = await verify(await provider.quote(asked))
    assert.equal(toHex(verified.reportData), toHex(asked))
    assert.equal(measurementOf(verified), toHex(measurement))
    assert.equal(provider.measurement, toHex(measurement))
  }
})

test('sets what it is asked for', async () => {
  const componentSvns = Array.from({ length: 16 }, () => 4)
  const mrsigner = new Uint8Array(32).fill(2)
  const provider = simulatedQuoteProvider({
    ...options,
    debug: true,
    mrsigner,
    isvProdId: 0x1234,
    isvSvn: 0xfffe,
    componentSvns,
  })
  const quote = await verify(await provider.quote(reportData))
  assert.ok(quote.tee === 'sgx')
  assert.equal(quote.debug, true)
  assert.equal(quote.mrsigner, toHex(mrsigner))
  assert.deepEqual([quote.isvProdId, quote.isvSvn], [0x1234, 0xfffe])
  assert.equal(quote.platformStatus, 'OutOfDate')
})

test('is certified by collateral of any process and any day of its life', async () => {
  const { quote } = await simulatedQuoteProvider(options).quote(reportData)
  for (const later of [0, 100 * day, 6 * 365 * day]) {
    await verify({ quote, now: now + later, collateral: simulatedCollateral(now + later) })
  }
})

test('refuses report data of another length', async () => {
  const provider = simulatedQuoteProvider(options)
  for (const wrong of [reportData.subarray(1), concat(reportData, reportData)]) {
    await assert.rejects(provider.quote(wrong), RangeError)
  }
})

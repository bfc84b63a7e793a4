import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measurement, now, platformId, refuses, reportData, verify } from '../test/fixture.ts'
import { simulatedCollateral } from './simulated/collateral.ts'
import { simulatedModel, simulatedPlatform } from './simulated/platform.ts'

test('matches TCB levels by every component and in descending order', async () => {
  const level = (svn: number, pcesvn: number, tcbStatus: string) => ({
    tcb: { sgxtcbcomponents: Array.from({ length: 16 }, () => ({ svn })), pcesvn },
    tcbDate: `202${svn}-01-01T00:00:00Z`,
    tcbStatus,
    advisoryIDs: [`VORTA-${svn}`],
  })
  // Out of order on purpose: position in the list decides nothing.
  const tcbLevels = [
    level(1, 13, 'OutOfDate'),
    level(3, 13, 'SWHardeningNeeded'),
    level(3, 14, 'UpToDate'),
    level(2, 13, 'ConfigurationNeeded'),
  ]
  const judged = async (componentSvns: readonly number[]) => {
    const one = simulatedPlatform({ platformId, now, componentSvns })
    const verified = await verify({
      quote: one.quote({ measurement, reportData }),
      collateral: simulatedCollateral(now, { tcbInfo: { tcbLevels } }),
    })
    return [verified.platformStatus, verified.tcbDate, ...verified.advisoryIds]
  }
  const svns = (value: number, last = value) => [...Array.from({ length: 15 }, () => value), last]
  assert.deepEqual(await judged(svns(3)), ['SWHardeningNeeded', '2023-01-01T00:00:00Z', 'VORTA-3'])
  assert.deepEqual(await judged(svns(9)), ['SWHardeningNeeded', '2023-01-01T00:00:00Z', 'VORTA-3'])
  assert.deepEqual(await judged(svns(9, 2)), [
    'ConfigurationNeeded',
    '2022-01-01T00:00:00Z',
    'VORTA-2',
  ])
  assert.deepEqual(await judged(svns(1)), ['OutOfDate', '2021-01-01T00:00:00Z', 'VORTA-1'])
  await assert.rejects(judged(svns(9, 0)), { code: 'TCB_NOT_SUPPORTED' })
  const empty = simulatedCollateral(now, { tcbInfo: { tcbLevels: [] } })
  await refuses({ collateral: empty }, 'TCB_NOT_SUPPORTED')
})

test('judges the quoting enclave by its own version', async () => {
  const judged = async (qeIsvSvn: number) => {
    const one = simulatedPlatform({ platformId, now, qeIsvSvn })
    const { qeStatus, status } = await verify({ quote: one.quote({ measurement, reportData }) })
    return [qeStatus, status]
  }
  assert.deepEqual(await judged(9), ['UpToDate', 'UpToDate'])
  assert.deepEqual(await judged(7), ['OutOfDate', 'OutOfDate'])
  await assert.rejects(judged(5), { code: 'TCB_NOT_SUPPORTED' })
})

test('reports the lower evaluation number and advisories once each, sorted', async () => {
  const verified = await verify({
    collateral: simulatedCollateral(now, {
      advisoryIds: ['B', 'A', 'B'],
      qeIdentity: { tcbEvaluationDataNumber: 17 },
    }),
  })
  assert.equal(verified.tcbEvaluationDataNumber, 17)
  assert.deepEqual(verified.advisoryIds, ['A', 'B'])
})

test('says since when a newer level has been there for what is out of date', async () => {
  const judged = async (componentSvns: readonly number[], qeIsvSvn?: number) => {
    const one = simulatedPlatform({ platformId, now, componentSvns, ...(qeIsvSvn && { qeIsvSvn }) })
    const { status, requiredSince } = await verify({
      quote: one.quote({ measurement, reportData }),
    })
    return [status, requiredSince]
  }
  const { componentSvns } = simulatedModel
  const since = Date.UTC(2025, 0, 1)
  assert.deepEqual(await judged(componentSvns), ['UpToDate', undefined])
  assert.deepEqual(await judged(componentSvns.map((svn) => svn >> 1)), ['OutOfDate', since])
  assert.deepEqual(await judged(componentSvns, simulatedModel.qe.isvSvn - 1), ['OutOfDate', since])
})

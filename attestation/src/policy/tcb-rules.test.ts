import assert from 'node:assert/strict'
import { test } from 'node:test'
import { day, now } from '../../test/fixture.ts'
import { acceptsSgx, acceptsTd, faults, readPolicy, sgxQuote, tdQuote } from '../../test/judging.ts'
import { tcbStatuses } from '../tcb-status.ts'
import type { TcbVerdict } from '../verified-quote.ts'
import { judge } from './judge.ts'

const quote = await sgxQuote()
const tdx = await tdQuote()

test('accepts two statuses by default, the listed ones otherwise, and Revoked never', () => {
  const accepted = (policy: unknown) =>
    tcbStatuses.filter((status) => faults(policy, { ...quote, status }).length === 0)
  assert.deepEqual(accepted(acceptsSgx), ['UpToDate', 'SWHardeningNeeded'])
  const statuses = ['OutOfDate', 'TDRelaunchAdvised']
  assert.deepEqual(accepted({ ...acceptsSgx, statuses }), statuses)
  const all = tcbStatuses.filter((status) => status !== 'Revoked')
  assert.deepEqual(accepted({ ...acceptsSgx, statuses: all }), all)

  const forced = { ...readPolicy(acceptsSgx), statuses: ['Revoked' as 'UpToDate'] }
  const late = { ...forced, grace: { statuses: forced.statuses, until: '2099-01-01T00:00:00Z' } }
  assert.equal(judge(late, { ...quote, status: 'Revoked' }, now).accepted, false)
})

/** A TD that was launched under one TCB and runs under another. */
const launched = (status: TcbVerdict['status'], current: Partial<TcbVerdict>) => ({
  ...tdx,
  status,
  current: { ...tdx, status: 'UpToDate' as const, ...current },
})

test('judges the worse of the TCB at launch and the one that runs now', () => {
  const cases = [
    ['UpToDate', 'UpToDate', true],
    ['UpToDate', 'OutOfDate', false],
    ['UpToDate', 'Revoked', false],
    ['OutOfDate', 'Revoked', false],
    ['TDRelaunchAdvised', 'UpToDate', false],
  ] as const
  for (const [launch, status, ok] of cases) {
    const got = faults(acceptsTd, launched(launch, { status }))
    assert.deepEqual(got, ok ? [] : ['TCB_STATUS_NOT_ALLOWED'], `${launch}, now ${status}`)
  }
  const relaunch = { ...acceptsTd, statuses: ['UpToDate', 'TDRelaunchAdvised'] }
  assert.deepEqual(faults(relaunch, launched('TDRelaunchAdvised', {})), [])
  const worse = launched('TDRelaunchAdvised', { status: 'SWHardeningNeeded' })
  assert.deepEqual(faults(relaunch, worse), ['TCB_STATUS_NOT_ALLOWED'])
})

const requiredSince = now - 10 * day
const outOfDate = { ...quote, status: 'OutOfDate' as const, requiredSince }
const grace = { statuses: ['OutOfDate'], period: '14d' }

test('grants grace from the day on which the missing patch was asked for', () => {
  const policy = readPolicy({ ...acceptsSgx, grace })
  const end = requiredSince + 14 * day
  const at = (time: number) => judge(policy, outOfDate, time)
  assert.deepEqual([at(now).state, at(now).graceDeadline, at(now).accepted], ['grace', end, true])
  assert.equal(at(end - 1).state, 'grace')
  for (const late of [end, end + day, Number.NaN]) {
    const { state, graceDeadline, findings } = at(late)
    assert.deepEqual([state, graceDeadline], ['refused', end])
    assert.equal(findings.find(({ ok }) => !ok)?.code, 'GRACE_EXPIRED')
  }
})

test('grants grace until a day that is the same for all', () => {
  const until = '2026-06-10T00:00:00Z'
  const policy = readPolicy({ ...acceptsSgx, grace: { statuses: ['OutOfDate'], until } })
  const { requiredSince: _, ...unknown } = outOfDate
  assert.equal(judge(policy, unknown, Date.parse(until) - 1).graceDeadline, Date.parse(until))
  assert.equal(judge(policy, unknown, Date.parse(until)).state, 'refused')
})

test('grants no grace to other statuses, nor from a day that is not known', () => {
  const { requiredSince: _, ...unknown } = outOfDate
  assert.deepEqual(faults({ ...acceptsSgx, grace }, unknown), ['TCB_STATUS_NOT_ALLOWED'])
  const other = { ...outOfDate, status: 'ConfigurationNeeded' as const }
  assert.deepEqual(faults({ ...acceptsSgx, grace }, other), ['TCB_STATUS_NOT_ALLOWED'])
  assert.equal(judge(readPolicy({ ...acceptsSgx, grace }), quote, now).state, 'accepted')
})

test('takes the earlier deadline of the TCB at launch and the one that runs now', () => {
  const policy = readPolicy({ ...acceptsTd, grace })
  const both = (since: number) => ({
    ...launched('OutOfDate', { status: 'OutOfDate', requiredSince: since }),
    requiredSince,
  })
  const end = requiredSince + 14 * day
  assert.equal(judge(policy, both(requiredSince - day), now).graceDeadline, end - day)
  assert.equal(judge(policy, both(requiredSince + day), now).graceDeadline, end)
  const revoked = launched('OutOfDate', { status: 'Revoked' })
  assert.equal(judge(policy, { ...revoked, requiredSince }, now).state, 'refused')
})

test('wants every advisory of a status listed, once that status has a list', () => {
  const known = { ...quote, advisoryIds: ['INTEL-SA-00001', 'INTEL-SA-00002'] }
  const only = (advisories: object) => faults({ ...acceptsSgx, advisories }, known)
  assert.deepEqual(only({}), [])
  assert.deepEqual(only({ OutOfDate: [] }), [])
  assert.deepEqual(only({ UpToDate: ['INTEL-SA-00002', 'INTEL-SA-00001'] }), [])
  assert.deepEqual(only({ UpToDate: ['INTEL-SA-00001'] }), ['ADVISORY_NOT_ALLOWED'])
  const current = launched('UpToDate', { advisoryIds: ['INTEL-SA-00003'] })
  const policy = { ...acceptsTd, advisories: { UpToDate: [] } }
  assert.deepEqual(faults(policy, current), ['ADVISORY_NOT_ALLOWED'])
})

test('refuses a TCB, a judgement of it, or collateral that is too old', () => {
  const { tcbEvaluationDataNumber: number, tcbDate, tcbIssued } = quote
  const least = (minTcbEvaluationDataNumber: number) =>
    faults({ ...acceptsSgx, minTcbEvaluationDataNumber }, quote)
  assert.deepEqual(least(number), [])
  assert.deepEqual(least(number + 1), ['EVALUATION_TOO_OLD'])

  const dated = (minTcbDate: string) => faults({ ...acceptsSgx, minTcbDate }, quote)
  assert.deepEqual(dated(tcbDate), [])
  assert.deepEqual(dated('2025-01-01T00:00:01Z'), ['TCB_TOO_OLD'])
  const older = launched('UpToDate', { tcbDate: '2024-12-31T00:00:00Z' })
  assert.deepEqual(faults({ ...acceptsTd, minTcbDate: tcbDate }, older), ['TCB_TOO_OLD'])

  const aged = (at: number) => faults({ ...acceptsSgx, maxCollateralAge: '24h' }, quote, at)
  assert.deepEqual(aged(tcbIssued + day), [])
  assert.deepEqual(aged(tcbIssued + day + 1), ['COLLATERAL_TOO_OLD'])
  assert.deepEqual(aged(Number.NaN), ['COLLATERAL_TOO_OLD'])
})

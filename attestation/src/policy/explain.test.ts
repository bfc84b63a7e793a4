import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptsSgx, readPolicy, tdRule } from '../../test/judging.ts'
import { explain } from './explain.ts'

const told = (policy: unknown) => {
  const { accepts, requires, leavesOpen } = explain(readPolicy(policy))
  return [...accepts, ...requires, ...leavesOpen].join('\n')
}

test('says that an empty policy accepts nothing', () => {
  assert.match(told({}), /^nothing at all/)
  assert.match(told({ tees: ['sgx'], measurements: { td: [tdRule] } }), /^nothing at all/)
})

test('names what is dangerous', () => {
  assert.match(told({ ...acceptsSgx, debug: true }), /SIMULATED[\s\S]*debug/)
  const any = { tees: ['tdx'], measurements: { td: [{ ...tdRule, rtmr0: 'any' }] } }
  assert.match(told(any), /rtmr0: some td rule accepts any value/)
  assert.match(told({ ...any, tdx: { migratable: true } }), /where a TD is moved to/)
})

test('says from when a grace counts', () => {
  const late = (grace: object) =>
    told({ ...acceptsSgx, grace: { statuses: ['OutOfDate'], ...grace } })
  assert.match(late({ period: '14d' }), /until 14 days after the date of the oldest TCB level/)
  assert.match(late({ until: '2026-07-01T00:00:00Z' }), /OutOfDate: until 2026-07-01T00:00:00Z/)
})

test('leaves nothing out that the policy limits', () => {
  const all = told({
    ...acceptsSgx,
    advisories: { SWHardeningNeeded: ['INTEL-SA-00615'] },
    minTcbEvaluationDataNumber: 17,
    minTcbDate: '2024-01-01T00:00:00Z',
    maxCollateralAge: '30d',
    fmspc: { allow: ['00'.repeat(6)] },
    platforms: { deny: ['00'.repeat(32)] },
    sgxTypes: ['Scalable'],
    requireNotDynamicPlatform: true,
    requireNotCachedKeys: true,
    requireSmtOff: true,
  })
  for (const part of [
    'INTEL-SA-00615',
    'TCB evaluation 17',
    '2024-01-01T00:00:00Z',
    'collateral of the last 30 days',
    'one of 1 known kinds of platform',
    'none of 1 denied platforms',
    'Scalable',
    'no processor can be added',
    'keys Intel does not keep',
    'without multithreading',
  ]) {
    assert.ok(all.includes(part), part)
  }
})

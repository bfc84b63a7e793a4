// The policy over genuine quotes: the same platform judged before and after a
// TCB recovery, debug TDs, Azure's TDs, and TDs that should be launched again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { absent, faults, readPolicy, verifyVector } from '../../test/judging.ts'
import { verifyEventLogOf } from '../evidence.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import { judge } from './judge.ts'

const day = 24 * 3_600_000
const skip = absent

/** Names exactly this quote; what else it accepts is the default. */
const naming = (quote: VerifiedQuote) => ({
  simulated: quote.simulated,
  tees: [quote.tee],
  measurements:
    quote.tee === 'sgx'
      ? { mrenclave: [quote.mrenclave] }
      : {
          td: [
            {
              mrtd: [quote.td.mrtd],
              rtmr0: [quote.td.rtmrs[0]],
              rtmr1: [quote.td.rtmrs[1]],
              rtmr2: [quote.td.rtmrs[2]],
              rtmr3: [quote.td.rtmrs[3]],
            },
          ],
        },
})

const expected = [
  ['g02-tdx-phala-uptodate', []],
  ['g07-sgx-debug', ['DEBUG_NOT_ALLOWED', 'TCB_STATUS_NOT_ALLOWED']],
  ['g08-tdx-mod0-outofdate', ['TCB_STATUS_NOT_ALLOWED']],
  ['g10-tdx-gcp-cos', []],
  ['g11-tdx5-uptodate', []],
  ['g12-tdx-azure-sept0', ['SEPT_VE_NOT_DISABLED']],
  ['g13-sgx-swhard-eval17', []],
  ['g14-sgx-outofdate-eval19', ['TCB_STATUS_NOT_ALLOWED']],
  ['g17-sgx-outofdate-config', ['TCB_STATUS_NOT_ALLOWED']],
  ['g19-tdx-debug-td', ['DEBUG_NOT_ALLOWED']],
  ['sim-sgx-ok', []],
  ['sim-tdx-relaunch', ['TCB_STATUS_NOT_ALLOWED']],
  ['sim-tdx-v5-15-ok', []],
] as const

for (const [id, codes] of expected) {
  test(`judges ${id}: ${codes.join(', ') || 'accepted'}`, { skip }, async () => {
    const { quote, now } = await verifyVector(id)
    assert.deepEqual(faults(naming(quote), quote, now), codes)
    assert.ok(faults({ ...naming(quote), measurements: {} }, quote, now).length > codes.length)
  })
}

test('refuses the same quote after a TCB recovery, and grace lets it pass for a while', {
  skip,
}, async () => {
  const before = await verifyVector('g13-sgx-swhard-eval17')
  const after = await verifyVector('g14-sgx-outofdate-eval19')
  assert.equal(before.quote.signedDigest, after.quote.signedDigest)
  assert.equal(after.quote.requiredSince, Date.parse('2025-05-14T00:00:00Z'))

  const within = { ...naming(after.quote), grace: { statuses: ['OutOfDate'], period: '180d' } }
  const deadline = Date.parse('2025-05-14T00:00:00Z') + 180 * day
  const at = (now: number) => judge(readPolicy(within), after.quote, now)
  assert.deepEqual([at(deadline - 1).state, at(deadline - 1).graceDeadline], ['grace', deadline])
  assert.equal(at(deadline).state, 'refused')
})

test('accepts a dstack application by the event log that replays to its quote', {
  skip,
}, async () => {
  const { quote, now, eventLog } = await verifyVector('g05-tdx-dstack-eventlog')
  assert.ok(eventLog !== undefined && quote.tee === 'tdx')
  const claims = verifyEventLogOf(nodeCrypto, quote, eventLog)
  const rule = (composeHash: string) => ({
    ...naming(quote),
    measurements: {
      td: [
        {
          mrtd: [quote.td.mrtd],
          rtmr0: 'any',
          rtmr1: [quote.td.rtmrs[1]],
          rtmr2: [quote.td.rtmrs[2]],
          appId: [claims.appId],
          composeHash: [composeHash],
        },
      ],
    },
  })
  const refused = ['MEASUREMENT_NOT_ALLOWED']
  assert.deepEqual(faults(rule(claims.composeHash), quote, now, claims), [])
  assert.deepEqual(faults(rule('00'.repeat(32)), quote, now, claims), refused)
  assert.deepEqual(faults(rule(claims.composeHash), quote, now), refused, 'without its event log')
})

test('accepts a TD on Azure once the policy says so', { skip }, async () => {
  const { quote, now } = await verifyVector('g12-tdx-azure-sept0')
  const policy = { ...naming(quote), tdx: { requireSeptVeDisable: false } }
  assert.deepEqual(faults(policy, quote, now), [])
})

test('accepts a TD that should be launched again once the policy names that status', {
  skip,
}, async () => {
  const { quote, now } = await verifyVector('sim-tdx-relaunch')
  const statuses = ['UpToDate', 'TDRelaunchAdvised']
  assert.deepEqual(faults({ ...naming(quote), statuses }, quote, now), [])
  const late = { statuses: ['TDRelaunchAdvised'], until: '2099-01-01T00:00:00Z' }
  assert.equal(judge(readPolicy({ ...naming(quote), grace: late }), quote, now).state, 'grace')
})

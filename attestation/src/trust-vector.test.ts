// The mapping of docs/policy.md, row by row.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { now } from '../test/fixture.ts'
import { acceptsSgx, acceptsTd, readPolicy, sgxQuote, tdQuote, tdRule } from '../test/judging.ts'
import { verdictOf } from './policy/verdict.ts'
import { statusOf, type TrustVector, tierOf, trustVectorOf } from './trust-vector.ts'
import type { VerifiedQuote } from './verified-quote.ts'

const simulated = await sgxQuote()
const genuine = { ...simulated, simulated: false }
const genuineTd = { ...(await tdQuote()), simulated: false }

function appraise(policy: object, quote: VerifiedQuote): TrustVector & { status: string } {
  const verdict = verdictOf(nodeCrypto, readPolicy(policy), { quote }, now)
  const vector = trustVectorOf(verdict)
  return { ...vector, status: statusOf(verdict.accepted, vector) }
}

const best = {
  configuration: 2,
  executables: 3,
  hardware: 2,
  'runtime-opaque': 2,
  status: 'affirming',
}

test('affirms an up-to-date enclave or TD that the policy names', () => {
  assert.deepEqual(appraise(acceptsSgx, genuine), best)
  assert.deepEqual(appraise(acceptsTd, genuineTd), best)
  const known = { ...acceptsSgx, platforms: { allow: [genuine.ppidSha256] } }
  assert.deepEqual(appraise(known, genuine), { 'instance-identity': 2, ...best })
})

test('affirms no more than the policy has looked at', () => {
  const denied = { ...acceptsSgx, platforms: { deny: ['5e'.repeat(32)] } }
  assert.deepEqual(appraise(denied, genuine), best, 'a platform that is not denied is not known')
  const open = { rtmr1: 'any', rtmr2: 'any', rtmr3: 'any' }
  const anySystem = { ...acceptsTd, measurements: { td: [{ ...tdRule, ...open }] } }
  assert.deepEqual(appraise(anySystem, genuineTd), { ...best, executables: 33, status: 'warning' })
})

test('warns of an accepted status other than UpToDate, and during grace', () => {
  const statuses = ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded']
  const policy = { ...acceptsSgx, statuses }
  const warning = { ...best, hardware: 32, status: 'warning' }
  const status = (name: VerifiedQuote['status']) => ({ ...genuine, status: name })
  assert.deepEqual(appraise(policy, status('SWHardeningNeeded')), warning)
  const configuration = { ...warning, configuration: 32 }
  assert.deepEqual(appraise(policy, status('ConfigurationNeeded')), configuration)
  const grace = { statuses: ['OutOfDate'], until: '2099-01-01T00:00:00Z' }
  assert.deepEqual(appraise({ ...acceptsSgx, grace }, status('OutOfDate')), warning)
  const relaunch = { ...genuineTd, current: { ...genuineTd, status: 'SWHardeningNeeded' as const } }
  assert.deepEqual(appraise(acceptsTd, relaunch), warning)
})

test('is contraindicated wherever the policy refuses', () => {
  const refusals: readonly (readonly [object, VerifiedQuote, TrustVector])[] = [
    [acceptsSgx, { ...genuine, status: 'OutOfDate' }, { hardware: 96 }],
    [acceptsSgx, { ...genuine, status: 'Revoked' }, { hardware: 96 }],
    [{ ...acceptsSgx, minTcbEvaluationDataNumber: 99 }, genuine, { hardware: 96 }],
    [{ ...acceptsSgx, fmspc: { allow: [] } }, genuine, { hardware: 97 }],
    [{ ...acceptsSgx, measurements: {} }, genuine, { executables: 33 }],
    [{ ...acceptsSgx, platforms: { allow: [] } }, genuine, { 'instance-identity': 97 }],
    [{ ...acceptsSgx, requireSmtOff: true }, smtOn(genuine), { configuration: 96 }],
    [acceptsSgx, { ...genuine, debug: true }, { configuration: 96, 'runtime-opaque': 96 }],
    [{ ...acceptsSgx, tees: ['tdx'] }, genuine, { hardware: 97 }],
  ]
  for (const [policy, quote, vector] of refusals) {
    const expected = { ...best, ...vector, status: 'contraindicated' }
    assert.deepEqual(appraise(policy, quote), expected, JSON.stringify(vector))
  }
})

const smtOn = (quote: VerifiedQuote): VerifiedQuote => ({
  ...quote,
  platform: { ...quote.platform, smtEnabled: true },
})

test('warns of a debug enclave that the policy accepts', () => {
  const vector = appraise({ ...acceptsSgx, debug: true }, { ...genuine, debug: true })
  const expected = { ...best, configuration: 32, 'runtime-opaque': 32, status: 'warning' }
  assert.deepEqual(vector, expected)
})

test('never affirms simulated evidence, nor calls its hardware genuine', () => {
  const accepted = appraise(acceptsSgx, simulated)
  assert.deepEqual(accepted, {
    configuration: 2,
    executables: 3,
    hardware: -33,
    status: 'warning',
  })
  const listed = { ...acceptsSgx, platforms: { allow: [simulated.ppidSha256] } }
  assert.equal(appraise(listed, simulated)['instance-identity'], undefined)
  const refused = appraise({ ...acceptsSgx, simulated: false }, simulated)
  assert.deepEqual([refused.hardware, refused.status], [97, 'contraindicated'])
})

test('knows the tiers of AR4SI at their edges', () => {
  const tiers = { none: [0, 1, -1], affirming: [2, 31, -2, -32] }
  const worse = { warning: [32, 95, -33, -96], contraindicated: [96, 127, -97, -128] }
  for (const [tier, values] of Object.entries({ ...tiers, ...worse })) {
    for (const value of values) assert.equal(tierOf(value), tier, String(value))
  }
})

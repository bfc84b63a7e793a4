import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now } from '../../test/fixture.ts'
import {
  acceptsSgx,
  acceptsTd,
  dstack,
  faults,
  readPolicy,
  sgxQuote,
  td,
  tdQuote,
  tdRule,
} from '../../test/judging.ts'
import { judge } from './judge.ts'

const quote = await sgxQuote()
const tdx = await tdQuote()
const refused = ['MEASUREMENT_NOT_ALLOWED']

test('accepts an enclave by its measurement', () => {
  assert.deepEqual(faults(acceptsSgx, quote), [])
  const measurements = { mrenclave: ['00'.repeat(32)] }
  assert.deepEqual(faults({ ...acceptsSgx, measurements }, quote), refused)
})

test('accepts an enclave by its signer only with product and version, and says so', () => {
  const signed = { ...quote, mrsigner: 'ab'.repeat(32), isvProdId: 3, isvSvn: 5 }
  const rule = { mrsigner: 'ab'.repeat(32), isvProdId: 3, minIsvSvn: 5 }
  const policy = (change: object) => ({
    simulated: true,
    measurements: { mrsigner: [{ ...rule, ...change }] },
  })
  assert.deepEqual(faults(policy({}), signed), [])
  assert.deepEqual(faults(policy({ minIsvSvn: 4 }), signed), [])
  for (const change of [{ isvProdId: 4 }, { minIsvSvn: 6 }, { mrsigner: 'ac'.repeat(32) }]) {
    assert.deepEqual(faults(policy(change), signed), refused)
  }
  const open = judge(readPolicy(policy({})), signed, now).notChecked
  assert.ok(open.some(({ rule: name }) => name === 'mrenclave'))
})

test('accepts no enclave by the rules for TDs, and no TD by those for enclaves', () => {
  const measurements = { mrenclave: [td.mrtd.slice(0, 64)], td: [tdRule] }
  const both = { simulated: true, tees: ['sgx', 'tdx'] }
  assert.deepEqual(faults({ ...both, measurements }, quote), refused)
  const enclaves = { mrenclave: [quote.mrenclave] }
  assert.deepEqual(faults({ ...both, measurements: enclaves }, tdx), refused)
})

const byRule = (rule: object) => ({ ...acceptsTd, measurements: { td: [rule] } })

test('accepts a TD that fits every member of a rule', () => {
  assert.deepEqual(faults(acceptsTd, tdx), [])
  const other = '99'.repeat(48)
  for (const member of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const) {
    assert.deepEqual(faults(byRule({ ...tdRule, [member]: [other] }), tdx), refused)
    const listed = [other, ...tdRule[member]]
    assert.deepEqual(faults(byRule({ ...tdRule, [member]: listed }), tdx), [])
  }
  for (const member of ['mrConfigId', 'mrOwner', 'mrOwnerConfig'] as const) {
    assert.deepEqual(faults(byRule({ ...tdRule, [member]: [td[member]] }), tdx), [])
    assert.deepEqual(faults(byRule({ ...tdRule, [member]: [other] }), tdx), refused)
  }
})

test('does not mix the members of two rules', () => {
  const other = '99'.repeat(48)
  const rules = [
    { ...tdRule, mrtd: [other] },
    { ...tdRule, rtmr2: [other] },
  ]
  assert.deepEqual(faults({ ...acceptsTd, measurements: { td: rules } }, tdx), refused)
  const { findings } = judge(readPolicy({ ...acceptsTd, measurements: { td: rules } }), tdx, now)
  const { detail } = findings.find(({ ok }) => !ok)!
  assert.match(detail, /mrtd 10+.* is not listed; rtmr2 22+.* is not listed/)
})

test('says which registers a rule leaves open', () => {
  const { rtmr3: _, ...rule } = { ...tdRule, rtmr0: 'any', composeHash: [dstack.composeHash] }
  const judgement = judge(readPolicy(byRule(rule)), tdx, now, dstack)
  assert.equal(judgement.accepted, true)
  const open = judgement.notChecked.map(({ rule: name }) => name)
  assert.ok(open.includes('rtmr0') && open.includes('rtmr3') && !open.includes('rtmr1'))
})

test('accepts an application only by a verified event log', () => {
  for (const member of ['composeHash', 'appId', 'osImageHash'] as const) {
    const policy = byRule({ ...tdRule, [member]: [dstack[member]] })
    assert.deepEqual(faults(policy, tdx, now, dstack), [])
    assert.deepEqual(faults(policy, tdx), refused, 'without an event log')
    const foreign = { ...dstack, [member]: 'ff'.repeat(20) }
    assert.deepEqual(faults(policy, tdx, now, foreign), refused)
  }
})

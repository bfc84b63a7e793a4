import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyError } from '@vorta/core'
import { measurement, now, platform, reportData } from '../../test/fixture.ts'
import { acceptsSgx, acceptsTd, faults, readPolicy, sgxQuote, tdQuote } from '../../test/judging.ts'
import { judge, requireAccepted } from './judge.ts'

const quote = await sgxQuote()

test('accepts a quote that the policy names, and lists every rule', () => {
  const judgement = judge(readPolicy(acceptsSgx), quote, now)
  assert.equal(judgement.accepted, true)
  assert.equal(judgement.state, 'accepted')
  assert.equal(judgement.graceDeadline, undefined)
  assert.deepEqual(
    judgement.findings.map(({ rule, ok }) => [rule, ok]),
    ['tee', 'simulated', 'debug', 'provisioning', 'tcb-status', 'measurement'].map((rule) => [
      rule,
      true,
    ]),
  )
  assert.match(judgement.findings[1]!.detail, /SIMULATED/)
})

test('says what the policy leaves open', () => {
  const { notChecked } = judge(readPolicy(acceptsSgx), quote, now)
  assert.deepEqual(
    notChecked.map(({ rule }) => rule),
    [
      'advisories',
      'evaluation-number',
      'tcb-date',
      'fmspc',
      'platform',
      'sgx-type',
      'dynamic-platform',
      'cached-keys',
      'smt',
      'collateral-age',
    ],
  )
})

test('judges every rule either way once the policy says something to all of them', async () => {
  const { fmspc, ppidSha256 } = quote
  const all = {
    advisories: { UpToDate: [] },
    minTcbEvaluationDataNumber: 1,
    minTcbDate: '2020-01-01T00:00:00Z',
    fmspc: { allow: [fmspc] },
    platforms: { allow: [ppidSha256] },
    sgxTypes: ['Standard'],
    requireNotDynamicPlatform: true,
    requireNotCachedKeys: true,
    requireSmtOff: true,
    maxCollateralAge: '1d',
  }
  const sgx = judge(readPolicy({ ...acceptsSgx, ...all }), quote, now)
  assert.deepEqual([sgx.accepted, sgx.notChecked.length, sgx.findings.length], [true, 0, 16])
  const closed = await tdQuote({ report: '1.5' })
  const tdx = judge(readPolicy({ ...acceptsTd, ...all }), closed, now)
  assert.deepEqual([tdx.accepted, tdx.notChecked.length, tdx.findings.length], [true, 0, 19])
})

test('accepts nothing by default', async () => {
  assert.deepEqual(faults({}, quote), ['SIMULATED_NOT_ALLOWED', 'MEASUREMENT_NOT_ALLOWED'])
  assert.deepEqual(faults({}, { ...quote, simulated: false }), ['MEASUREMENT_NOT_ALLOWED'])
  assert.deepEqual(faults({}, await tdQuote()), [
    'TEE_NOT_ALLOWED',
    'SIMULATED_NOT_ALLOWED',
    'MEASUREMENT_NOT_ALLOWED',
  ])
})

test('refuses simulated evidence unless the policy says so', () => {
  assert.deepEqual(faults({ ...acceptsSgx, simulated: false }, quote), ['SIMULATED_NOT_ALLOWED'])
})

test('refuses debug enclaves and TDs unless the policy says so', async () => {
  const sgx = await sgxQuote({ quote: platform.quote({ measurement, reportData, debug: true }) })
  const tdx = await tdQuote({ tdAttributes: attributes(0x01, 0x10) })
  for (const [policy, debug] of [
    [acceptsSgx, sgx],
    [acceptsTd, tdx],
  ] as const) {
    assert.deepEqual(faults(policy, debug), ['DEBUG_NOT_ALLOWED'])
    assert.deepEqual(faults({ ...policy, debug: true }, debug), [])
  }
})

test('refuses applications that hold attributes of Intel enclaves', () => {
  for (const attribute of ['provisionKey', 'einitTokenKey']) {
    const attributes = { ...quote.attributes, [attribute]: true }
    assert.deepEqual(faults(acceptsSgx, { ...quote, attributes }), ['PROVISIONING_NOT_ALLOWED'])
  }
})

/** TDATTRIBUTES with bits 0 to 7 and 24 to 31. */
const attributes = (low: number, high: number): Uint8Array =>
  Uint8Array.of(low, 0, 0, high, 0, 0, 0, 0)

test('refuses a TD that the host can unmap, move, or enter by another TD', async () => {
  const cases = [
    [0x00, 'SEPT_VE_NOT_DISABLED', { requireSeptVeDisable: false }],
    [0x30, 'MIGRATABLE_NOT_ALLOWED', { migratable: true }],
  ] as const
  for (const [bits, code, allowing] of cases) {
    const quoted = await tdQuote({ tdAttributes: attributes(0, bits) })
    assert.deepEqual(faults(acceptsTd, quoted), [code])
    assert.deepEqual(faults({ ...acceptsTd, tdx: allowing }, quoted), [])
  }
  const undefinedBit = await tdQuote({ tdAttributes: attributes(0, 0x11) })
  assert.deepEqual(faults(acceptsTd, undefinedBit), ['TD_ATTRIBUTES_RESERVED'])

  const bound = await tdQuote({ report: '1.5', mrServiceTd: new Uint8Array(48).fill(0x77) })
  assert.deepEqual(faults(acceptsTd, bound), ['SERVICE_TD_NOT_ALLOWED'])
  const listed = { ...acceptsTd, tdx: { serviceTds: ['77'.repeat(48)] } }
  assert.deepEqual(faults(listed, bound), [])
})

test('throws a policy error that names every broken rule', () => {
  assert.throws(
    () => requireAccepted(readPolicy({}), quote, now),
    (error) => {
      assert.ok(error instanceof PolicyError)
      assert.equal(error.code, 'SIMULATED_NOT_ALLOWED')
      assert.deepEqual(error.meta, {
        simulated: 'SIMULATED_NOT_ALLOWED',
        measurement: 'MEASUREMENT_NOT_ALLOWED',
      })
      assert.equal(error.hints.length, 2)
      return true
    },
  )
  assert.equal(requireAccepted(readPolicy(acceptsSgx), quote, now).accepted, true)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyError, toHex } from '@vorta/core'
import { decode } from '@vorta/core/decode'
import { day, measurement, now, platform, reportData, verify } from '../test/fixture.ts'
import type { PolicyFault } from './errors.ts'
import { type AttestationPolicy, judge, policyDecoder, requireAccepted } from './policy.ts'
import { tcbStatuses } from './tcb-status.ts'
import type { VerifiedQuote } from './verified-quote.ts'

const read = (value: unknown): AttestationPolicy =>
  decode(policyDecoder, value, (text) => new Error(text))

const quote = await verify()
const named = { simulated: true, measurements: { mrenclave: [toHex(measurement)] } }

/** The codes of all rules that are broken. */
const faults = (policy: unknown, judged: VerifiedQuote = quote, at = now): readonly PolicyFault[] =>
  judge(read(policy), judged, at).findings.flatMap(({ code }) => code ?? [])

test('accepts a quote that the policy names, and lists every rule', () => {
  const judgement = judge(read(named), quote, now)
  assert.equal(judgement.accepted, true)
  assert.deepEqual(
    judgement.findings.map(({ rule, ok }) => [rule, ok]),
    [
      'tee',
      'simulated',
      'debug',
      'provisioning',
      'tcb-status',
      'measurement',
      'evaluation-number',
      'fmspc',
      'collateral-age',
    ].map((rule) => [rule, true]),
  )
  assert.match(judgement.findings[1]!.detail, /SIMULATED/)
})

test('accepts nothing by default', () => {
  assert.deepEqual(faults({}), ['SIMULATED_NOT_ALLOWED', 'MEASUREMENT_NOT_ALLOWED'])
})

test('refuses simulated evidence unless the policy says so', () => {
  assert.deepEqual(faults({ ...named, simulated: false }), ['SIMULATED_NOT_ALLOWED'])
})

test('refuses debug enclaves unless the policy says so', async () => {
  const debug = await verify({ quote: platform.quote({ measurement, reportData, debug: true }) })
  assert.deepEqual(faults(named, debug), ['DEBUG_NOT_ALLOWED'])
  assert.deepEqual(faults({ ...named, debug: true }, debug), [])
})

test('refuses applications that hold attributes of Intel enclaves', () => {
  for (const attribute of ['provisionKey', 'einitTokenKey']) {
    const attributes = { ...quote.attributes, [attribute]: true }
    assert.deepEqual(faults(named, { ...quote, attributes }), ['PROVISIONING_NOT_ALLOWED'])
  }
})

test('accepts two statuses by default, the listed ones otherwise, and Revoked never', () => {
  const accepted = (policy: unknown) =>
    tcbStatuses.filter((status) => faults(policy, { ...quote, status }).length === 0)
  assert.deepEqual(accepted(named), ['UpToDate', 'SWHardeningNeeded'])
  const statuses = ['OutOfDate', 'ConfigurationNeeded']
  assert.deepEqual(accepted({ ...named, statuses }), ['ConfigurationNeeded', 'OutOfDate'])
  assert.throws(() => read({ ...named, statuses: ['Revoked'] }), /statuses/)
  const forced = { ...read(named), statuses: ['Revoked' as 'UpToDate'] }
  assert.equal(judge(forced, { ...quote, status: 'Revoked' }, now).accepted, false)
})

test('accepts an enclave by its signer only with product and version', () => {
  const signed = { ...quote, mrsigner: 'ab'.repeat(32), isvProdId: 3, isvSvn: 5 }
  const rule = { mrsigner: 'ab'.repeat(32), isvProdId: 3, minIsvSvn: 5 }
  const by = (change: object) =>
    faults({ simulated: true, measurements: { mrsigner: [{ ...rule, ...change }] } }, signed)
  assert.deepEqual(by({}), [])
  for (const change of [{ isvProdId: 4 }, { minIsvSvn: 6 }, { mrsigner: 'ac'.repeat(32) }]) {
    assert.deepEqual(by(change), ['MEASUREMENT_NOT_ALLOWED'])
  }
  assert.throws(() => read({ measurements: { mrsigner: [{ mrsigner: 'ab'.repeat(32) }] } }))
})

test('refuses another measurement', () => {
  const measurements = { mrenclave: ['00'.repeat(32)] }
  assert.deepEqual(faults({ ...named, measurements }), ['MEASUREMENT_NOT_ALLOWED'])
})

test('refuses judgements by an older evaluation than asked for', () => {
  assert.deepEqual(faults({ ...named, minTcbEvaluationDataNumber: 18 }), [])
  assert.deepEqual(faults({ ...named, minTcbEvaluationDataNumber: 19 }), ['EVALUATION_TOO_OLD'])
})

test('limits platforms by kind; a denied kind is denied although it is allowed', () => {
  const { fmspc } = quote
  assert.deepEqual(faults({ ...named, fmspc: { allow: [fmspc] } }), [])
  assert.deepEqual(faults({ ...named, fmspc: { deny: ['00'.repeat(6)] } }), [])
  for (const rule of [{ allow: [] }, { deny: [fmspc] }, { allow: [fmspc], deny: [fmspc] }]) {
    assert.deepEqual(faults({ ...named, fmspc: rule }), ['FMSPC_NOT_ALLOWED'])
  }
})

test('refuses collateral that is too old', () => {
  const policy = { ...named, maxCollateralAge: '24h' }
  assert.deepEqual(faults(policy, quote, quote.tcbIssued + day), [])
  assert.deepEqual(faults(policy, quote, quote.tcbIssued + day + 1), ['COLLATERAL_TOO_OLD'])
  assert.deepEqual(faults(policy, quote, Number.NaN), ['COLLATERAL_TOO_OLD'])
})

test('throws a policy error that names every broken rule', () => {
  assert.throws(
    () => requireAccepted(read({}), quote, now),
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
  assert.equal(requireAccepted(read(named), quote, now).accepted, true)
})

test('refuses policies with unknown or wrong fields', () => {
  const bad: readonly object[] = [
    { simulate: true },
    { debug: 'yes' },
    { tees: ['tdx'] },
    { measurements: { mrenclave: ['AA'.repeat(32)] } },
    { maxCollateralAge: 86_400_000 },
    { fmspc: [] },
  ]
  for (const policy of bad) assert.throws(() => read(policy))
})

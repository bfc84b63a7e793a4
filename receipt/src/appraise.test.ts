import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { anchors, loggedAt, makeTestFile, newLogKey, policy } from '../test/make-receipt.ts'
import { type AppraisalOptions, appraiseReceipt } from './appraise.ts'
import { formatVkey } from './note.ts'
import { receiptPolicyDecoder } from './policy.ts'
import { verdictDocument } from './statement.ts'

const now = loggedAt + 60_000
const day = 24 * 3600_000
const logKey = newLogKey()
const file = await makeTestFile({ logKey })
const appraise = (options: Partial<AppraisalOptions> = {}) =>
  appraiseReceipt(nodeCrypto, file, { anchors, policy, now, ...options })
const codesOf = async (options: Partial<AppraisalOptions>) => {
  const { accepted, findings } = await appraise(options)
  const failed = findings.filter((finding) => finding.outcome === 'failed')
  assert.equal(accepted, failed.length === 0)
  return failed.map((finding) => finding.code)
}

test('accepts a genuine receipt that the policy wants, and shows it as simulated', async () => {
  const { accepted, asOfLogged, asOfNow, simulated, facts, claims } = await appraise()
  assert.deepEqual([accepted, asOfLogged.accepted, asOfNow.accepted], [true, true, true])
  assert.equal(simulated, true)
  assert.equal(facts?.statement.predicate.job.name, 'jobs/example')
  assert.ok(claims.length > 10)
})

test('refuses simulated evidence unless the policy names it', async () => {
  const strict = receiptPolicyDecoder({
    attestation: { measurements: { mrenclave: ['5a'.repeat(32)] } },
  })
  assert.deepEqual(await codesOf({ policy: strict }), ['SIMULATED_NOT_ALLOWED'])
  const { asOfLogged, simulated } = await appraise({ policy: strict })
  assert.equal(asOfLogged.code, 'SIMULATED_NOT_ALLOWED')
  assert.equal(simulated, true)
})

test('an empty policy accepts nothing', async () => {
  const codes = await codesOf({ policy: receiptPolicyDecoder({ attestation: {} }) })
  assert.deepEqual(codes, ['SIMULATED_NOT_ALLOWED', 'MEASUREMENT_NOT_ALLOWED'])
})

test('says that the log key was not checked where the policy pins none', async () => {
  const logFinding = async (logs?: readonly string[]) => {
    const { findings } = await appraise({ policy: { ...policy, ...(logs && { logs }) } })
    return findings.find((finding) => finding.name === 'log-key')
  }
  assert.equal((await logFinding())?.outcome, 'not-performed')
  assert.equal((await logFinding([formatVkey(logKey.key)]))?.outcome, 'passed')
  assert.equal((await logFinding([formatVkey(newLogKey().key)]))?.code, 'LOG_NOT_TRUSTED')
  assert.equal((await logFinding([]))?.code, 'LOG_NOT_TRUSTED')
})

test('judges verdict and age where the policy asks for them', async () => {
  assert.deepEqual(await codesOf({ policy: { ...policy, verdict: 'valid' } }), [])
  assert.deepEqual(await codesOf({ policy: { ...policy, verdict: 'invalid' } }), [
    'VERDICT_NOT_ACCEPTED',
  ])
  assert.deepEqual(await codesOf({ policy: { ...policy, maxAge: 60_000 } }), [])
  assert.deepEqual(await codesOf({ policy: { ...policy, maxAge: 59_999 } }), ['RECEIPT_TOO_OLD'])
})

test('a receipt whose collateral has run out is accepted as of when it was logged', async () => {
  const { accepted, asOfLogged, asOfNow } = await appraise({ now: loggedAt + 400 * day })
  assert.deepEqual([accepted, asOfLogged.accepted, asOfNow.accepted], [true, true, false])
  assert.match(asOfNow.code ?? '', /_EXPIRED$/)
  assert.match(asOfNow.detail, /^stale: /)
})

test('the age of the collateral is judged at both times', async () => {
  const strict = { ...policy, attestation: { ...policy.attestation, maxCollateralAge: 2 * day } }
  const { asOfLogged, asOfNow } = await appraise({ policy: strict, now: loggedAt + 5 * day })
  assert.equal(asOfLogged.accepted, true)
  assert.equal(asOfNow.code, 'COLLATERAL_TOO_OLD')
})

test('compares outputs by name and digest', async () => {
  const { facts } = await appraise()
  const bytes = verdictDocument(facts?.statement.predicate.proof ?? assert.fail())
  const codes = (name: string, content: Uint8Array) =>
    codesOf({ outputs: [{ name, bytes: content }] })
  assert.deepEqual(await codes('verdict.json', bytes), [])
  assert.deepEqual(await codes('verdict.json', utf8('{}')), ['OUTPUT_MISMATCH'])
  assert.deepEqual(await codes('model.bin', bytes), ['OUTPUT_UNKNOWN'])
})

test('compares the key, the inputs and the proof that were asked about', async () => {
  const mine = {
    verificationKey: '31'.repeat(32),
    publicInputs: '32'.repeat(32),
    proof: '33'.repeat(32),
  }
  assert.deepEqual(await codesOf({ expect: mine }), [])
  for (const name of Object.keys(mine)) {
    const expect = { ...mine, [name]: toHex(new Uint8Array(32)) }
    assert.deepEqual(await codesOf({ expect }), ['EXPECTATION_MISMATCH'], name)
  }
})

test('a file that is not genuine is judged by no policy', async () => {
  const appraisal = await appraiseReceipt(nodeCrypto, file.slice(1), { anchors, policy, now })
  assert.equal(appraisal.accepted, false)
  assert.equal(appraisal.asOfLogged.code, 'RECEIPT_MALFORMED')
  assert.deepEqual([appraisal.findings, appraisal.claims], [[], []])
  assert.deepEqual([appraisal.simulated, appraisal.facts], [undefined, undefined])
})

test('refuses policies with unknown or wrong fields', () => {
  const wrong: Record<string, unknown> = {
    'no attestation policy': {},
    'an unknown field': { attestation: {}, log: [] },
    'a log key that is none': { attestation: {}, logs: ['log.example'] },
    'another verdict': { attestation: {}, verdict: 'maybe' },
    'an age without a unit': { attestation: {}, maxAge: 3600 },
  }
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(
      () => decode(receiptPolicyDecoder, value, (text) => new RangeError(text)),
      RangeError,
      name,
    )
  }
})

// The appraiser with genuine simulated evidence: what it accepts, what it
// refuses, and that it says why.

import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { type AttestationPolicy, type Evidence, policyDecoder } from '@vorta/attestation'
import { type Canonical, canonicalBytes, fakeClock, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { makeEnclave, testMeasurement } from '../testkit/enclave.ts'
import { type Appraisal, createAppraiser, readEvidence } from './appraiser.ts'
import { createCollateralSource } from './collateral.ts'

const clock = fakeClock(Date.UTC(2026, 5, 1))
const measurement = toHex(testMeasurement)
const nonce = 'ab'.repeat(32)

const accepting: AttestationPolicy = policyDecoder({
  simulated: true,
  measurements: { mrenclave: [measurement], mrsigner: [] },
})

suite('the appraiser', () => {
  const enclave = makeEnclave(clock)
  let evidence: Evidence
  before(async () => {
    evidence = await enclave.evidence(new Uint8Array(32).fill(0xab))
  })

  const appraise = (given = evidence, policy = accepting, challenge: string | undefined = nonce) =>
    createAppraiser(nodeCrypto, policy, clock).appraise(given, challenge)

  const failing = ({ checks }: Appraisal) => checks.filter(({ ok }) => !ok)

  test('accepts genuine evidence that the policy wants, and gives its key', async () => {
    const { appraisal, evidence: bytes, spki } = await appraise()
    assert.equal(appraisal.accepted, true)
    assert.equal(appraisal.simulated, true)
    assert.equal(appraisal.measurement, measurement)
    assert.equal(appraisal.code, undefined)
    assert.equal(appraisal.checks[0]?.name, 'genuine')
    assert.ok(appraisal.checks.length > 3 && failing(appraisal).length === 0)
    assert.deepEqual(spki, enclave.spki)
    assert.deepEqual(bytes, canonicalBytes(evidence as Canonical))
    assert.equal(appraisal.sha256, toHex(nodeCrypto.sha256(bytes)))
    assert.equal(appraisal.time, clock.now())
  })

  test('refuses genuine evidence of an enclave that the policy does not name', async () => {
    const policy = { ...accepting, measurements: { mrenclave: ['00'.repeat(32)], mrsigner: [] } }
    const { appraisal } = await appraise(evidence, policy)
    assert.equal(appraisal.accepted, false)
    assert.equal(appraisal.checks[0]?.ok, true, 'it is genuine all the same')
    assert.equal(appraisal.code, failing(appraisal)[0]?.code)
    assert.ok(appraisal.code && appraisal.message)
  })

  test('refuses simulated evidence for what it is, where the policy does not name it', async () => {
    const { appraisal } = await appraise(evidence, { ...accepting, simulated: false })
    assert.equal(appraisal.accepted, false)
    assert.equal(appraisal.simulated, true)
    assert.match(appraisal.code ?? '', /SIMULATED/)
  })

  test('refuses evidence that answers another challenge', async () => {
    const { appraisal, spki } = await appraise(evidence, accepting, 'cd'.repeat(32))
    assert.equal(appraisal.code, 'NONCE_MISMATCH')
    assert.equal(spki, undefined)
  })

  test('takes evidence without a challenge where none was sent', async () => {
    const appraiser = createAppraiser(nodeCrypto, accepting, clock)
    assert.equal((await appraiser.appraise(evidence)).appraisal.accepted, true)
  })

  test('refuses evidence for another key than its own', async () => {
    const other = await makeEnclave(clock).evidence(new Uint8Array(32).fill(0xab))
    const { appraisal, spki } = await appraise({ ...evidence, claims: other.claims })
    assert.equal(appraisal.code, 'REPORT_DATA_MISMATCH')
    assert.deepEqual(
      failing(appraisal).map(({ name }) => name),
      ['genuine'],
    )
    assert.equal(spki, undefined)
  })

  test('refuses a quote that was changed, and simulated evidence that calls itself sgx', async () => {
    const at = 600
    const changed = evidence.quote[at] === 'A' ? 'B' : 'A'
    const quote = evidence.quote.slice(0, at) + changed + evidence.quote.slice(at + 1)
    assert.equal((await appraise({ ...evidence, quote })).appraisal.accepted, false)
    const renamed = await appraise({ ...evidence, tee: 'sgx' })
    assert.equal(renamed.appraisal.code, 'TEE_MISMATCH')
  })

  test('refuses evidence whose collateral has run out', async () => {
    const late = fakeClock(clock.now() + 31 * 24 * 3_600_000)
    const { appraisal } = await createAppraiser(nodeCrypto, accepting, late).appraise(evidence)
    assert.equal(appraisal.accepted, false)
    assert.ok(appraisal.code)
  })

  test('reads evidence from outside strictly', () => {
    const bytes = canonicalBytes(evidence as Canonical)
    assert.deepEqual(readEvidence(bytes), JSON.parse(new TextDecoder().decode(bytes)))
    for (const [text, code] of [
      ['{', 'MALFORMED_JSON'],
      ['{}', 'INVALID_ARGUMENT'],
      ['[]', 'INVALID_ARGUMENT'],
      [`{"a":"${'x'.repeat(1 << 20)}"}`, 'TOO_LARGE'],
      [JSON.stringify({ ...evidence, extra: 1 }), 'INVALID_ARGUMENT'],
      [JSON.stringify({ ...evidence, tee: 'sev' }), 'INVALID_ARGUMENT'],
    ] as const) {
      assert.throws(() => readEvidence(utf8(text)), { code })
    }
  })
})

suite('collateral', () => {
  test('of the simulated PKI is made anew each day', async () => {
    const moving = fakeClock(clock.now())
    const source = createCollateralSource(moving)
    const first = await source('simulated')
    moving.advance(24 * 3_600_000)
    assert.equal(await source('simulated'), first)
    moving.advance(1)
    assert.notEqual(await source('simulated'), first)
  })

  test('of hardware is not at hand', async () => {
    await assert.rejects(createCollateralSource(clock)('sgx'), { code: 'COLLATERAL_UNAVAILABLE' })
  })
})

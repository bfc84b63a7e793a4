// The appraiser with genuine simulated evidence: what it accepts, what it
// refuses, and that it says why.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { AttestationPolicy } from '@vorta/attestation'
import type { CollateralSource } from '@vorta/attestation/collateral-service/sources'
import { type Canonical, canonicalBytes, concat, fail, fakeClock, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { Finding } from './appraisal.ts'
import { createAppraiser } from './appraiser.ts'
import { createPolicies } from './policies.ts'
import type { BareQuote, Presented } from './presented.ts'
import { accepting, measurement, testEnclave } from './testkit/enclave.ts'

const clock = fakeClock(Date.UTC(2026, 5, 1))
const enclave = testEnclave(clock.now())
const nonceBytes = new Uint8Array(32).fill(0xab)
const nonce = toHex(nonceBytes)
const evidence = enclave.evidence(nonceBytes)

const none: CollateralSource = async () => {
  throw fail('COLLATERAL_UNAVAILABLE', 'there is none')
}

type Given = {
  readonly policy?: AttestationPolicy
  readonly nonce?: string | undefined
  readonly now?: number
  readonly collateral?: CollateralSource
}

const appraise = (presented: Presented, given: Given = {}) => {
  const { policy = accepting, now = clock.now(), collateral = none } = given
  const appraiser = createAppraiser({ crypto: nodeCrypto, clock: fakeClock(now), collateral })
  const named = createPolicies(nodeCrypto, { default: policy }).get('')
  return appraiser.appraise(presented, named, 'nonce' in given ? given.nonce : nonce)
}
const whole = (members: Partial<typeof evidence> = {}): Presented => ({
  kind: 'evidence',
  evidence: { ...evidence, ...members },
})
const failing = ({ checks }: Finding) => checks.filter(({ ok }) => !ok).map(({ name }) => name)

suite('evidence', () => {
  test('that is genuine and wanted is accepted, and its key given', async () => {
    const { finding, evidence: bytes, spki, result } = await appraise(whole())
    assert.equal(finding.accepted, true)
    assert.equal(finding.simulated, true)
    assert.equal(finding.tee, 'simulated')
    assert.equal(finding.measurement, toHex(measurement))
    assert.equal(finding.code, undefined)
    assert.deepEqual(
      finding.checks.slice(0, 2).map(({ name, ok }) => [name, ok]),
      [
        ['genuine', true],
        ['fresh', true],
      ],
    )
    assert.ok(finding.checks.length > 4 && failing(finding).length === 0)
    assert.ok(
      finding.claims.some(({ name, source }) => name === 'measurement' && source === 'simulated'),
    )
    assert.deepEqual(spki, enclave.spki)
    assert.deepEqual(bytes, canonicalBytes(evidence as Canonical))
    assert.equal(finding.sha256, toHex(nodeCrypto.sha256(bytes)))
    assert.equal(finding.time, clock.now())
    assert.ok('quote' in result)
  })

  test('of an enclave that the policy does not name is genuine, and refused', async () => {
    const policy = { ...accepting, measurements: { ...accepting.measurements, mrenclave: [] } }
    const { finding } = await appraise(whole(), { policy })
    assert.equal(finding.accepted, false)
    assert.deepEqual(failing(finding), ['measurement'])
    assert.equal(finding.code, 'MEASUREMENT_NOT_ALLOWED')
    assert.ok(finding.message)
  })

  test('that is simulated is refused for what it is, where the policy does not name that', async () => {
    const { finding } = await appraise(whole(), { policy: { ...accepting, simulated: false } })
    assert.equal(finding.simulated, true)
    assert.equal(finding.code, 'SIMULATED_NOT_ALLOWED')
  })

  test('that answers another challenge is refused', async () => {
    const { finding, spki } = await appraise(whole(), { nonce: 'cd'.repeat(32) })
    assert.equal(finding.code, 'NONCE_MISMATCH')
    assert.deepEqual(failing(finding), ['genuine'])
    assert.equal(spki, undefined)
  })

  test('that answers none is accepted, and the verdict says that it may be old', async () => {
    const { finding } = await appraise(whole(), { nonce: undefined })
    assert.equal(finding.accepted, true)
    assert.equal(finding.notChecked[0]?.rule, 'fresh')
    assert.ok(!finding.checks.some(({ name }) => name === 'fresh'))
  })

  test('for another key, changed, or of another kind than it says is not genuine', async () => {
    const other = testEnclave(clock.now()).evidence(nonceBytes)
    const at = 600
    const changed = evidence.quote[at] === 'A' ? 'B' : 'A'
    const quote = evidence.quote.slice(0, at) + changed + evidence.quote.slice(at + 1)
    for (const [members, code] of [
      [{ claims: other.claims }, 'REPORT_DATA_MISMATCH'],
      [{ tee: 'sgx' }, 'TEE_MISMATCH'],
      [{ quote }, 'QUOTE_SIGNATURE'],
    ] as const) {
      const { finding, spki, result } = await appraise(whole(members))
      assert.equal(finding.accepted, false)
      assert.equal(finding.code, code)
      assert.equal(finding.measurement, '', 'it says nothing of what is not proven')
      assert.deepEqual(finding.claims, [])
      assert.equal(spki, undefined)
      assert.ok('error' in result)
    }
  })

  test('whose collateral has run out is not genuine any more', async () => {
    const { finding } = await appraise(whole(), { now: clock.now() + 31 * 24 * 3_600_000 })
    assert.equal(finding.accepted, false)
    assert.match(finding.code ?? '', /_EXPIRED$/)
  })
})

suite('a bare quote', () => {
  const claims = enclave.claimsFor(nonceBytes)
  const data = utf8('what the caller says')
  const reportData = new Uint8Array(64).fill(7)
  const userHash = nodeCrypto.sha512(concat(nonceBytes, data))

  const bare = (members: Pick<BareQuote, 'quote' | 'binding'> & Partial<BareQuote>): Presented => ({
    kind: 'quote',
    collateral: enclave.collateral,
    ...members,
  })

  test('is held against claims, user data or report data', async () => {
    const claimed = evidence.quote
    const quote = new Uint8Array(Buffer.from(claimed, 'base64'))
    const byClaims = await appraise(bare({ quote, binding: { kind: 'claims', claims } }))
    assert.equal(byClaims.finding.accepted, true)
    assert.deepEqual(byClaims.spki, enclave.spki)

    const binding = { kind: 'user-data', data } as const
    const byUserData = await appraise(bare({ quote: enclave.quote(userHash), binding }))
    assert.equal(byUserData.finding.accepted, true)
    assert.equal(byUserData.spki, undefined)

    const exact = { kind: 'report-data', data: reportData } as const
    const given = bare({ quote: enclave.quote(reportData), binding: exact })
    assert.equal((await appraise(given, { nonce: undefined })).finding.accepted, true)
  })

  test('that binds something else is refused', async () => {
    const quote = enclave.quote(userHash)
    for (const binding of [
      { kind: 'claims', claims },
      { kind: 'user-data', data: utf8('something else') },
      { kind: 'report-data', data: reportData },
    ] as const) {
      const { finding } = await appraise(bare({ quote, binding }))
      assert.equal(finding.code, 'REPORT_DATA_MISMATCH')
    }
  })

  test('answers its own challenge only', async () => {
    const quote = new Uint8Array(Buffer.from(evidence.quote, 'base64'))
    const other = { nonce: 'cd'.repeat(32) }
    const byClaims = bare({ quote, binding: { kind: 'claims', claims } })
    assert.equal((await appraise(byClaims, other)).finding.code, 'NONCE_MISMATCH')
    const byUserData = bare({
      quote: enclave.quote(userHash),
      binding: { kind: 'user-data', data },
    })
    assert.equal((await appraise(byUserData, other)).finding.code, 'REPORT_DATA_MISMATCH')
  })

  test('with report data that was given as it is answers no challenge', async () => {
    const binding = { kind: 'report-data', data: reportData } as const
    const { finding } = await appraise(bare({ quote: enclave.quote(reportData), binding }))
    assert.deepEqual([finding.accepted, finding.code], [false, 'NONCE_MISMATCH'])
  })

  test('without collateral is judged by what the service finds', async () => {
    const presented: Presented = {
      kind: 'quote',
      quote: enclave.quote(userHash),
      binding: { kind: 'user-data', data },
    }
    const collateral = async () => enclave.collateral
    assert.equal((await appraise(presented, { collateral })).finding.accepted, true)
    await assert.rejects(appraise(presented), { code: 'COLLATERAL_UNAVAILABLE' })
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalJson, encodeP256Spki, toBase64, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { collateral, flippedText, measurement, now, platform } from '../test/fixture.ts'
import { intelAnchor, simulatedAnchor } from './anchors.ts'
import { type EnclaveKeyClaims, enclaveKeyPurpose, reportDataOf } from './claims.ts'
import type { QuoteFault } from './errors.ts'
import { type Evidence, verifyEvidence } from './evidence.ts'
import { sha256, simulatedKey } from './simulated/keys.ts'
import { measurementOf } from './verified-quote.ts'

const key = simulatedKey('an enclave').publicKey
const nonce = '0f'.repeat(32)
const claims: EnclaveKeyClaims = {
  purpose: enclaveKeyPurpose,
  spki: toBase64(encodeP256Spki(key)),
  nonce,
}

function evidenceFor(
  bound: EnclaveKeyClaims,
  reportData = reportDataOf(nodeCrypto, bound),
): Evidence {
  const quote = platform.quote({ measurement, reportData })
  return { tee: 'simulated', claims: bound, quote: toBase64(quote), collateral }
}

const evidence = evidenceFor(claims)
const options = { anchors: [intelAnchor, simulatedAnchor], now }

const refuses = (bad: Evidence, code: QuoteFault): Promise<void> =>
  assert.rejects(verifyEvidence(nodeCrypto, bad, options), { code })

test('gives the key that a genuine enclave claims', async () => {
  const verified = await verifyEvidence(nodeCrypto, evidence, { ...options, nonce })
  assert.deepEqual(verified.key, key)
  assert.deepEqual(verified.spki, encodeP256Spki(key))
  assert.equal(measurementOf(verified.quote), toHex(measurement))
  await verifyEvidence(nodeCrypto, evidence, options)
})

test('binds the SHA-256 of the canonical claims, followed by zeros', () => {
  const expected = sha256(utf8(canonicalJson(claims)))
  assert.equal(toHex(reportDataOf(nodeCrypto, claims)), toHex(expected) + '00'.repeat(32))
  assert.equal(
    canonicalJson({ ...claims, job: 'a', spec: 'b' }),
    `{"job":"a","nonce":"${nonce}","purpose":"${enclaveKeyPurpose}","spec":"b","spki":"${claims.spki}"}`,
  )
})

test('refuses an answer to another challenge', async () => {
  const other = { ...options, nonce: '0e'.repeat(32) }
  await assert.rejects(verifyEvidence(nodeCrypto, evidence, other), { code: 'NONCE_MISMATCH' })
})

test('refuses claims that the quote was not made for', async () => {
  const spki = toBase64(encodeP256Spki(simulatedKey('another enclave').publicKey))
  const changes: readonly Partial<EnclaveKeyClaims>[] = [
    { spki },
    { nonce: '00'.repeat(32) },
    { job: 'job-1' },
    { spec: '00'.repeat(32) },
  ]
  for (const change of changes) {
    await refuses({ ...evidence, claims: { ...claims, ...change } }, 'REPORT_DATA_MISMATCH')
  }
})

test('refuses report data with anything behind the hash', async () => {
  const reportData = reportDataOf(nodeCrypto, claims)
  reportData[63] = 1
  await refuses(evidenceFor(claims, reportData), 'REPORT_DATA_MISMATCH')
})

test('refuses evidence that names another kind than its anchor proves', async () => {
  await refuses({ ...evidence, tee: 'sgx' }, 'TEE_MISMATCH')
})

test('refuses simulated evidence where only hardware is trusted', async () => {
  const hardware = { anchors: [intelAnchor], now }
  await assert.rejects(verifyEvidence(nodeCrypto, evidence, hardware), { code: 'UNTRUSTED_ROOT' })
})

test('refuses keys that are no P-256 keys', async () => {
  const spki = toBase64(new Uint8Array(91))
  await refuses({ ...evidence, claims: { ...claims, spki } }, 'CLAIMS_FORMAT')
  await refuses({ ...evidence, claims: { ...claims, spki: 'AAAAA' } }, 'CLAIMS_FORMAT')
})

test('refuses evidence with unknown, missing or misspelled fields', async () => {
  const bad: readonly object[] = [
    { ...evidence, more: 1 },
    { ...evidence, tee: 'sev' },
    { ...evidence, claims: { ...claims, purpose: 'another protocol' } },
    { ...evidence, claims: { ...claims, nonce: nonce.toUpperCase() } },
    { ...evidence, claims: { ...claims, more: '' } },
    { ...evidence, quote: `${evidence.quote} ` },
    { ...evidence, quote: 7 },
    {},
  ]
  for (const one of bad) await refuses(one as Evidence, 'EVIDENCE_FORMAT')
  await assert.rejects(verifyEvidence(nodeCrypto, null as unknown as Evidence, options), {
    code: 'EVIDENCE_FORMAT',
  })
})

test('refuses a change of any character of the claims', async () => {
  for (const field of ['purpose', 'spki', 'nonce'] as const) {
    for (let at = 0; at < claims[field].length; at++) {
      const bad = { ...claims, [field]: flippedText(claims[field], at) } as EnclaveKeyClaims
      await assert.rejects(verifyEvidence(nodeCrypto, { ...evidence, claims: bad }, options), {
        code: /^(EVIDENCE_FORMAT|CLAIMS_FORMAT|REPORT_DATA_MISMATCH)$/,
      })
    }
  }
})

// The requester's decision, against a mainframe that would like another one.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { before, test } from 'node:test'
import {
  type Canonical,
  canonicalBytes,
  canonicalDigest,
  own,
  toBase64,
  toHex,
  utf8,
  type VortaError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { intelAnchor, simulatedAnchor } from '../anchors.ts'
import { type EnclaveKeyClaims, enclaveKeyPurpose, reportDataOf } from '../claims.ts'
import type { Evidence } from '../evidence.ts'
import { policyDecoder } from '../policy/decoder.ts'
import type { AttestationPolicy } from '../policy/policy.ts'
import { simulatedQuoteProvider } from '../providers/simulated.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { approveEnclave } from './approve.ts'
import { createRecipient } from './recipient.ts'

const now = Date.UTC(2026, 5, 1)
const measurement = new Uint8Array(32).fill(0x5a)
const options = { anchors: [intelAnchor, simulatedAnchor], now }
const policy = policyDecoder({ simulated: true, measurements: { mrenclave: [toHex(measurement)] } })
const nonce = 'ab'.repeat(32)
const request = { nonce, job: 'j1', spec: '11'.repeat(32) }
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = own(publicKey.export({ type: 'spki', format: 'der' }))
const hpke = toBase64((await createRecipient()).publicKey)
const claims: EnclaveKeyClaims = { purpose: enclaveKeyPurpose, spki: toBase64(spki), nonce, hpke }

const evidenceOf = async (about = claims, code = measurement): Promise<Evidence> => {
  const platformId = new Uint8Array(16).fill(3)
  const provider = simulatedQuoteProvider({ platformId, measurement: code, now: () => now })
  const quote = toBase64((await provider.quote(reportDataOf(nodeCrypto, about))).quote)
  return { tee: 'simulated', claims: about, quote, collateral: simulatedCollateral(now) }
}

let genuine: Evidence
before(async () => {
  genuine = await evidenceOf()
})

const approve = (evidence: Uint8Array, by: AttestationPolicy = policy) =>
  approveEnclave(nodeCrypto, { ...request, evidence }, by, options)
const bytesOf = (evidence: Evidence) => canonicalBytes(evidence as Canonical)

test('approves fresh evidence of an accepted enclave, and says whom to seal to', async () => {
  const approved = await approve(bytesOf(genuine))
  assert.equal(approved.enclave, toHex(nodeCrypto.sha256(spki)))
  assert.equal(approved.evidence, canonicalDigest(nodeCrypto, genuine as Canonical))
  assert.equal(toBase64(approved.sealingKey), hpke)
  assert.equal(approved.quote.simulated, true)
})

const without = ({ hpke: _none, ...rest }: EnclaveKeyClaims): EnclaveKeyClaims => rest

for (const [what, reason, make] of [
  [
    'an answer to an older challenge',
    'NONCE_MISMATCH',
    () => evidenceOf({ ...claims, nonce: 'cd'.repeat(32) }),
  ],
  ['another enclave', 'MEASUREMENT_NOT_ALLOWED', () => evidenceOf(claims, new Uint8Array(32))],
  [
    'claims that the quote does not bind',
    'REPORT_DATA_MISMATCH',
    async () => ({ ...(await evidenceOf({ ...claims, nonce: 'cd'.repeat(32) })), claims }),
  ],
  [
    'a sealing key put in beside the quote',
    'REPORT_DATA_MISMATCH',
    async () => ({ ...(await evidenceOf(without(claims))), claims }),
  ],
  ['an enclave that opens nothing', 'SEALING_KEY_MISSING', () => evidenceOf(without(claims))],
  [
    'an enclave that serves another job',
    'RELEASE_WRONG_JOB',
    () => evidenceOf({ ...claims, job: 'j2' }),
  ],
  [
    'an enclave that serves another spec',
    'RELEASE_WRONG_SPEC',
    () => evidenceOf({ ...claims, spec: '22'.repeat(32) }),
  ],
  [
    'a simulated enclave that calls itself hardware',
    'TEE_MISMATCH',
    async () => ({ ...genuine, tee: 'sgx' as const }),
  ],
] as const) {
  test(`keeps the key from ${what}`, async () => {
    const evidence = bytesOf(await make())
    await assert.rejects(approve(evidence), (error: VortaError) => {
      assert.equal(error.code, 'KEY_RELEASE_REFUSED')
      assert.equal(error.meta.reason, reason)
      return true
    })
  })
}

test('keeps the key from a simulated enclave where the policy names none', async () => {
  const strict = { ...policy, simulated: false }
  await assert.rejects(approve(bytesOf(genuine), strict), (error: VortaError) => {
    assert.equal(error.meta.reason, 'SIMULATED_NOT_ALLOWED')
    return true
  })
})

test('keeps the key where there is no evidence at all', async () => {
  for (const nothing of ['', 'null', '{}', '[1]']) {
    await assert.rejects(approve(utf8(nothing)), { code: 'KEY_RELEASE_REFUSED' })
  }
})

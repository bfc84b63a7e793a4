import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBase64, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { day, now } from '../test/fixture.ts'
import { acceptsSgx, readPolicy, sgxQuote } from '../test/judging.ts'
import { earOf } from './ear.ts'
import { readEar } from './ear-claims.ts'
import { policyDigest, verdictOf } from './policy/verdict.ts'

const policy = readPolicy(acceptsSgx)
const quote = await sgxQuote()
const verdict = verdictOf(nodeCrypto, policy, { quote }, now)
const digest = policyDigest(nodeCrypto, policy)
const verifierId = { developer: 'vorta.org', build: 'attestation 0.1.0' }
const options = { now, expires: now + day, verifierId }

type Loose = { readonly [key: string]: Loose }
const submodule = (ear: unknown) => (ear as Loose).submods?.enclave as Loose

test('has the members that deployed readers look for', () => {
  const ear = earOf(verdict, { ...options, nonce: 'ab'.repeat(32) }) as Loose
  assert.deepEqual(Object.keys(ear), [
    'eat_profile',
    'iat',
    'exp',
    'eat_nonce',
    'ear.verifier-id',
    'submods',
  ])
  assert.equal(ear.eat_profile, 'tag:github.com,2023:veraison/ear')
  assert.equal(ear.iat, now / 1000)
  assert.deepEqual(ear['ear.verifier-id'], verifierId)
  assert.deepEqual(Object.keys(submodule(ear)), [
    'ear.status',
    'ear.trustworthiness-vector',
    'ear.appraisal-policy-id',
    'ear.veraison.annotated-evidence',
  ])
  assert.equal(submodule(ear)['ear.appraisal-policy-id'], `sha256:${digest}`)
})

test('spells the same result as the draft does', () => {
  const deployed = earOf(verdict, options) as Loose
  const draft = earOf(verdict, { ...options, spelling: 'draft' }) as Loose
  assert.equal(draft.eat_profile, 'tag:ietf.org,2026:rats/ear#05')
  assert.deepEqual(draft.ear_verifier_id, verifierId)
  assert.deepEqual(submodule(draft), {
    ear_status: submodule(deployed)['ear.status'],
    ear_trustworthiness_vector: submodule(deployed)['ear.trustworthiness-vector'],
    ear_appraisal_policy_ids: [`sha256:${digest}`],
    ear_verifier_claims: submodule(deployed)['ear.veraison.annotated-evidence'],
  })
  const { spelling: _, payload: __, ...read } = readEar(draft)
  const { spelling: ___, payload: ____, ...same } = readEar(deployed)
  assert.deepEqual(read, same)
})

test('carries every rule, every claim, and what was not checked', () => {
  const spki = Uint8Array.of(1, 2, 3)
  const ear = earOf(verdict, { ...options, evidenceSha256: 'ee'.repeat(32), spki })
  const found = submodule(ear)['ear.veraison.annotated-evidence'] as unknown as Record<
    string,
    unknown
  >
  assert.equal(found.simulated, true)
  assert.equal(found.verdict, 'accepted')
  assert.equal(found.evidence, `sha256:${'ee'.repeat(32)}`)
  assert.equal(found.key, toBase64(spki))
  assert.equal((found.rules as unknown[]).length, verdict.findings.length)
  assert.deepEqual(found.claims, verdict.claims)
  assert.deepEqual(found.notChecked, verdict.notChecked)
})

test('says until when a grace runs', () => {
  const until = '2026-07-01T00:00:00Z'
  const late = readPolicy({ ...acceptsSgx, grace: { statuses: ['OutOfDate'], until } })
  const out = { ...quote, status: 'OutOfDate' as const }
  const ear = earOf(verdictOf(nodeCrypto, late, { quote: out }, now), options)
  const found = submodule(ear)['ear.veraison.annotated-evidence'] as Loose
  assert.equal(found.graceUntil, Date.parse(until) / 1000)
  assert.equal(found.verdict, 'grace')
})

test('says of evidence that is not genuine that nothing of it holds', () => {
  const error = new VerificationError('QUOTE_SIGNATURE', 'not signed')
  const part = submodule(earOf({ error, policyDigest: digest }, options))
  assert.equal(part['ear.status'], 'contraindicated')
  const vector = part['ear.trustworthiness-vector'] as Loose
  assert.deepEqual(new Set(Object.values(vector)), new Set([99]))
  assert.equal(Object.keys(vector).length, 8)
  assert.deepEqual(part['ear.veraison.annotated-evidence'], {
    genuine: false,
    verdict: 'refused',
    code: 'QUOTE_SIGNATURE',
    detail: 'not signed',
  })
})

import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { before, test } from 'node:test'
import { type Json, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { CompactSign } from 'jose'
import { day, now } from '../test/fixture.ts'
import { acceptsSgx, readPolicy, sgxQuote } from '../test/judging.ts'
import { earOf } from './ear.ts'
import { signEar, verifyEar } from './ear-jwt.ts'
import { policyDigest, verdictOf } from './policy/verdict.ts'

const keyPair = (kid: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, kid, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' } }
}

const ours = keyPair('ours')
const keys = { keys: [keyPair('another').jwk, ours.jwk] }
const nonce = 'ab'.repeat(32)
const evidenceSha256 = 'ee'.repeat(32)
const policy = readPolicy(acceptsSgx)
const digest = policyDigest(nodeCrypto, policy)
let payload: Json
let token = ''

before(async () => {
  const verdict = verdictOf(nodeCrypto, policy, { quote: await sgxQuote() }, now)
  const verifierId = { developer: 'vorta.org', build: 'test' }
  payload = earOf(verdict, { now, expires: now + day, verifierId, nonce, evidenceSha256 })
  token = await signEar(payload, ours)
})

const refuses = (result: Promise<unknown>, code: string) =>
  assert.rejects(result, (error) => {
    assert.ok(error instanceof VerificationError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })

/** Signs anything, under any header. */
const signed = (
  body: string,
  header: { alg?: string; typ?: string; kid?: string } = {},
  key: KeyObject = ours.privateKey,
) =>
  new CompactSign(utf8(body))
    .setProtectedHeader({ alg: 'ES256', typ: 'eat+jwt', kid: 'ours', ...header })
    .sign(key)

test('verifies a token of its own, and gives what it says', async () => {
  const expect = { now, nonce, evidenceSha256, policyDigest: digest }
  const ear = await verifyEar(token, keys, expect)
  assert.equal(ear.spelling, 'veraison')
  assert.equal(ear.status, 'warning')
  assert.equal(ear.vector.executables, 3)
  assert.equal(ear.policyId, `sha256:${digest}`)
  assert.deepEqual([ear.issued, ear.expires, ear.nonce], [now, now + day, nonce])
  assert.deepEqual(JSON.parse(JSON.stringify(ear.payload)), JSON.parse(JSON.stringify(payload)))
})

test('refuses a token about something else than was asked', async () => {
  const other = 'cd'.repeat(32)
  await refuses(verifyEar(token, keys, { now, nonce: other }), 'NONCE_MISMATCH')
  await refuses(verifyEar(token, keys, { now, policyDigest: other }), 'EAR_POLICY_MISMATCH')
  await refuses(verifyEar(token, keys, { now, evidenceSha256: other }), 'EAR_EVIDENCE_MISMATCH')
  const { eat_nonce: _, ...without } = payload as { readonly [key: string]: Json }
  const silent = await signEar(without, ours)
  await refuses(verifyEar(silent, keys, { now, nonce }), 'NONCE_MISMATCH')
})

test('refuses a token that is not in force', async () => {
  for (const at of [now + day, now + 2 * day, Number.NaN]) {
    const code = Number.isNaN(at) ? 'EAR_NOT_YET_VALID' : 'EAR_EXPIRED'
    await refuses(verifyEar(token, keys, { now: at }), code)
  }
  await verifyEar(token, keys, { now: now - 60_000 })
  await refuses(verifyEar(token, keys, { now: now - 61_000 }), 'EAR_NOT_YET_VALID')
})

test('refuses other algorithms, types and keys', async () => {
  const body = JSON.stringify(payload)
  await refuses(verifyEar(await signed(body, { typ: 'JWT' }), keys, { now }), 'EAR_TYPE')
  const unknown = await signed(body, { kid: 'stranger' })
  await refuses(verifyEar(unknown, keys, { now }), 'EAR_KEY_UNKNOWN')
  const forged = await signed(body, {}, keyPair('ours').privateKey)
  await refuses(verifyEar(forged, keys, { now }), 'EAR_SIGNATURE')

  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const none = `${encode({ alg: 'none', typ: 'eat+jwt', kid: 'ours' })}.${encode({})}.`
  await refuses(verifyEar(none, keys, { now }), 'EAR_TYPE')
  const symmetric = await new CompactSign(utf8(body))
    .setProtectedHeader({ alg: 'HS256', typ: 'eat+jwt', kid: 'ours' })
    .sign(utf8('a secret of at least thirty-two bytes'))
  await refuses(verifyEar(symmetric, keys, { now }), 'EAR_TYPE')
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
    format: 'jwk',
  })
  const foreign = { keys: [{ ...p384, kid: 'ours' }] }
  await refuses(verifyEar(token, foreign, { now }), 'EAR_KEY_UNKNOWN')
  const forEncryption = { keys: [{ ...ours.jwk, use: 'enc' }] }
  await refuses(verifyEar(token, forEncryption, { now }), 'EAR_KEY_UNKNOWN')
})

test('refuses every token with one character changed', async () => {
  const step = Math.ceil(token.length / 200)
  for (let at = 0; at < token.length - 1; at += step) {
    const changed = token[at] === 'A' ? 'B' : 'A'
    const broken = token.slice(0, at) + changed + token.slice(at + 1)
    await assert.rejects(verifyEar(broken, keys, { now }), VerificationError)
  }
})

test('refuses payloads with one reading too many, or of another shape', async () => {
  const body = JSON.stringify(payload)
  const cases: readonly (readonly [string, string])[] = [
    ['', 'EAR_FORMAT'],
    ['[]', 'EAR_FORMAT'],
    [body.replace('{', '{"iat":1,'), 'EAR_FORMAT'],
    [body.replace('"submods":{', '"submods":{"other":{},'), 'EAR_FORMAT'],
    [body.replace('"affirming"', '"good"').replace('"warning"', '"good"'), 'EAR_FORMAT'],
    [body.replace('"hardware":-33', '"hardware":200'), 'EAR_FORMAT'],
    [body.replace('"exp":', '"expires":'), 'EAR_FORMAT'],
    [body.replace('"simulated":true,', ''), 'EAR_FORMAT'],
    [body.replace('"genuine":true,', '"genuine":true,"key":"?",'), 'EAR_FORMAT'],
    [body.replace('2023:veraison/ear', '2024:veraison/ear'), 'EAR_PROFILE'],
  ]
  for (const [text, code] of cases) {
    assert.notEqual(text, body)
    await refuses(verifyEar(await signed(text), keys, { now }), code)
  }
})

test('refuses what is no token, and key sets that are none', async () => {
  for (const text of ['', 'a', 'a.b.c', '..', '{"payload":""}', 'x'.repeat(300_000)]) {
    await refuses(verifyEar(text, keys, { now }), 'EAR_FORMAT')
  }
  for (const set of [undefined, [], { keys: {} }, { keys: [{ kid: 'ours' }] }]) {
    await refuses(verifyEar(token, set, { now }), 'EAR_FORMAT')
  }
})

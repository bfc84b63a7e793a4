import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { toHex, VerificationError, VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import {
  encodeSigstruct,
  parseSigstruct,
  type SigstructBody,
  sigstructLength,
} from './sigstruct.ts'
import { signSigstruct } from './sigstruct-sign.ts'
import { verifySigstruct } from './sigstruct-verify.ts'

const rsa = (modulusLength: number, publicExponent: number) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey

const key = rsa(3072, 3)

const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex)
const u32 = fc.nat(0xffff_ffff)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const bodies: fc.Arbitrary<SigstructBody> = fc.record({
  vendor: u32,
  date: fc.constantFrom('2026-11-22', '0000-00-00', '1999-12-31'),
  swDefined: u32,
  miscSelect: u32,
  miscMask: u32,
  cetAttributes: fc.nat(255),
  cetAttributesMask: fc.nat(255),
  flags: u64,
  xfrm: u64,
  flagsMask: u64,
  xfrmMask: u64,
  mrenclave: hex(32),
  isvFamilyId: hex(16),
  isvExtProdId: hex(16),
  isvProdId: fc.nat(65535),
  isvSvn: fc.nat(65535),
})

const [body] = fc.sample(bodies, { numRuns: 1, seed: 1 }) as [SigstructBody]
const signed = signSigstruct(body, key)

const codeOf = (bytes: Uint8Array): string => {
  try {
    verifySigstruct(nodeCrypto, bytes)
    return 'verified'
  } catch (thrown) {
    assert.ok(thrown instanceof VerificationError, String(thrown))
    return thrown.code
  }
}

test('verifies what it signed, every field of it', () => {
  fc.assert(
    fc.property(bodies, (body) => {
      const verified = verifySigstruct(nodeCrypto, signSigstruct(body, key), body)
      assert.deepEqual({ ...verified, ...body }, verified)
    }),
    { numRuns: 20 },
  )
})

test('writes the bytes it read', () => {
  fc.assert(
    fc.property(
      bodies,
      hex(384),
      hex(384),
      hex(384),
      hex(384),
      u32,
      (body, m, s, q1, q2, exponent) => {
        const [modulus, signature, ...q] = [m, s, q1, q2].map((text) => BigInt(`0x${text}`))
        const fields = {
          ...body,
          exponent,
          modulus: modulus!,
          signature: signature!,
          q1: q[0]!,
          q2: q[1]!,
        }
        assert.deepEqual(parseSigstruct(encodeSigstruct(fields)), fields)
      },
    ),
    { numRuns: 200 },
  )
})

test('refuses the change of any one bit', () => {
  const areas: readonly (readonly [from: number, to: number, codes: RegExp])[] = [
    [0, 16, /^SIGSTRUCT_FORMAT$/], // header
    [16, 20, /^SIGSTRUCT_SIGNATURE$/], // vendor
    [20, 24, /^SIGSTRUCT_(FORMAT|SIGNATURE)$/], // date
    [24, 40, /^SIGSTRUCT_FORMAT$/], // second header
    [40, 44, /^SIGSTRUCT_SIGNATURE$/], // SWDEFINED
    [44, 128, /^SIGSTRUCT_FORMAT$/], // reserved
    [128, 512, /^SIGSTRUCT_(KEY|SIGNATURE)$/], // modulus
    [512, 516, /^SIGSTRUCT_KEY$/], // exponent
    [516, 900, /^SIGSTRUCT_SIGNATURE$/],
    [900, 910, /^SIGSTRUCT_SIGNATURE$/], // MISC and CET
    [910, 912, /^SIGSTRUCT_FORMAT$/], // reserved
    [912, 992, /^SIGSTRUCT_SIGNATURE$/], // family, attributes, MRENCLAVE
    [992, 1008, /^SIGSTRUCT_FORMAT$/], // reserved
    [1008, 1028, /^SIGSTRUCT_SIGNATURE$/], // product and SVN
    [1028, 1040, /^SIGSTRUCT_FORMAT$/], // reserved
    [1040, 1808, /^SIGSTRUCT_QUOTIENTS$/],
  ]
  assert.equal(codeOf(signed), 'verified')
  for (const [from, to, codes] of areas) {
    for (let at = from; at < to; at++) {
      const changed = new Uint8Array(signed)
      changed[at]! ^= 1 << (at % 8)
      assert.match(codeOf(changed), codes, `byte ${at}`)
    }
  }
})

test('refuses another length', () => {
  for (const length of [0, 1, sigstructLength - 1, sigstructLength + 1]) {
    assert.equal(codeOf(new Uint8Array(length)), 'SIGSTRUCT_FORMAT')
  }
})

test('refuses a signature that is too large by the modulus', () => {
  const fields = parseSigstruct(signed)
  const signature = fields.signature + fields.modulus
  if (signature >= 2n ** 3072n) return // no room for it under this key
  assert.equal(codeOf(encodeSigstruct({ ...fields, signature })), 'SIGSTRUCT_SIGNATURE')
})

test('names the field that is not the expected one', () => {
  assert.throws(
    () => verifySigstruct(nodeCrypto, signed, { mrenclave: 'ab'.repeat(32) }),
    ({ code, message }: VerificationError) =>
      code === 'SIGSTRUCT_MISMATCH' && message.includes('mrenclave'),
  )
  const { mrsigner } = verifySigstruct(nodeCrypto, signed)
  assert.equal(verifySigstruct(nodeCrypto, signed, { mrsigner }).mrsigner, mrsigner)
})

test('signs with a private key of 3072 bits and exponent 3 only', () => {
  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const isPublic = createPublicKey(createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })))
  for (const wrong of [rsa(3072, 65537), rsa(2048, 3), ec, isPublic]) {
    assert.throws(() => signSigstruct(body, wrong), { code: 'SIGNING_KEY_INVALID' })
  }
})

test('refuses to sign a body that has no such bytes', () => {
  for (const wrong of [
    { date: '2026-1-1' },
    { mrenclave: 'ab' },
    { isvFamilyId: 'x'.repeat(32) },
  ]) {
    assert.throws(() => signSigstruct({ ...body, ...wrong }, key), VortaError)
  }
})

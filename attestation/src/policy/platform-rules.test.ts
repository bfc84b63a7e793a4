import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptsSgx, faults, sgxQuote } from '../../test/judging.ts'

const quote = await sgxQuote()

test('limits platforms by kind; a denied kind is denied although it is allowed', () => {
  const { fmspc } = quote
  const by = (listing: object) => faults({ ...acceptsSgx, fmspc: listing }, quote)
  assert.deepEqual(by({ allow: [fmspc] }), [])
  assert.deepEqual(by({ deny: ['00'.repeat(6)] }), [])
  for (const listing of [{ allow: [] }, { deny: [fmspc] }, { allow: [fmspc], deny: [fmspc] }]) {
    assert.deepEqual(by(listing), ['FMSPC_NOT_ALLOWED'])
  }
})

test('knows single platforms by the hash of their PPID or by their instance id', () => {
  const { ppidSha256, platform } = quote
  const instance = platform.instanceId!
  const stranger = '5e'.repeat(32)
  const by = (listing: object) => faults({ ...acceptsSgx, platforms: listing }, quote)
  for (const name of [ppidSha256, instance]) {
    assert.deepEqual(by({ allow: [stranger, name] }), [])
    assert.deepEqual(by({ deny: [name] }), ['PLATFORM_NOT_ALLOWED'])
  }
  assert.deepEqual(by({ allow: [ppidSha256], deny: [instance] }), ['PLATFORM_NOT_ALLOWED'])
  assert.deepEqual(by({ allow: [stranger] }), ['PLATFORM_NOT_ALLOWED'])
  assert.deepEqual(by({ deny: [stranger] }), [])
})

test('limits the kind of memory protection', () => {
  assert.deepEqual(faults({ ...acceptsSgx, sgxTypes: ['Standard'] }, quote), [])
  for (const sgxTypes of [[], ['Scalable', 'ScalableWithIntegrity']]) {
    assert.deepEqual(faults({ ...acceptsSgx, sgxTypes }, quote), ['SGX_TYPE_NOT_ALLOWED'])
  }
})

test('takes what the certificate does not say as not met', () => {
  const cases = [
    ['requireNotDynamicPlatform', 'dynamicPlatform', 'DYNAMIC_PLATFORM_NOT_ALLOWED'],
    ['requireNotCachedKeys', 'cachedKeys', 'CACHED_KEYS_NOT_ALLOWED'],
    ['requireSmtOff', 'smtEnabled', 'SMT_NOT_ALLOWED'],
  ] as const
  for (const [requirement, property, code] of cases) {
    const policy = { ...acceptsSgx, [requirement]: true }
    const { [property]: _, ...silent } = quote.platform
    assert.deepEqual(faults(policy, quote), [])
    const set = { ...quote, platform: { ...quote.platform, [property]: true } }
    assert.deepEqual(faults(policy, set), [code])
    assert.deepEqual(faults(policy, { ...quote, platform: silent }), [code])
    assert.deepEqual(faults(acceptsSgx, set), [])
  }
})

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { checkConfigId, composeConfigId, composeHashOf } from './compose.ts'

const folder = join(import.meta.dirname, '../../../../shared/vectors/quotes')
const skip = !existsSync(folder) && 'the shared vectors are not on this machine'

const composeHash = '22'.repeat(32)
const claims = { appId: '11'.repeat(20), composeHash, instanceId: '' }
const kms = { ...claims, keyProvider: '{"name":"kms","id":"0304"}' }

test('hashes the file as it is, to the byte', () => {
  const hash = 'd9d719b27480b55cd4918020e7473e716ed3569c8adafe926cf9b10b4f8ef064'
  assert.equal(composeHashOf(nodeCrypto, utf8('{"name":"a"}')), hash)
  assert.notEqual(composeHashOf(nodeCrypto, utf8('{"name": "a"}')), hash)
})

test('accepts MRCONFIGID that is unset, or names the same application', () => {
  checkConfigId('00'.repeat(48), claims)
  checkConfigId(composeConfigId(composeHash), claims)
})

test('reads the compose hash from MRCONFIGID of a genuine guest', { skip }, () => {
  const text = readFileSync(join(folder, 'g06-tdx-dstack-simulator.json'), 'utf8')
  const { mrConfigId } = JSON.parse(text).quoteInfo
  const composeHash = 'c143116fef3940e7f776bfc0919c256232ae5338a6e948c96b711e0b2383483a'
  checkConfigId(mrConfigId, { ...claims, composeHash })
  assert.throws(() => checkConfigId(mrConfigId, claims), { code: 'MR_CONFIG_MISMATCH' })
})

test('reads the second form, a hash over application and key provider', () => {
  // Keccak-256, by another implementation, of compose hash, app id, 02, 0304.
  const hash = '2c604987e6c926c6fe296b69bd03ce51fc223d995a0dcecc868754d649afa412'
  const mrConfigId = `02${hash}`.padEnd(96, '0')
  checkConfigId(mrConfigId, kms)
  for (const other of [
    { ...kms, appId: '12'.repeat(20) },
    { ...kms, composeHash: '23'.repeat(32) },
    { ...kms, keyProvider: '{"name":"tpm","id":"0304"}' },
    { ...kms, keyProvider: '{"name":"kms","id":"0305"}' },
    { ...kms, keyProvider: '{"name":"other","id":""}' },
    { ...kms, keyProvider: 'kms' },
    claims,
  ]) {
    assert.throws(() => checkConfigId(mrConfigId, other), { code: 'MR_CONFIG_MISMATCH' })
  }
})

test('refuses another application, and anything behind the hash', () => {
  const good = composeConfigId(composeHash)
  for (const wrong of [
    composeConfigId('33'.repeat(32)),
    good.replace(/0$/, '1'),
    '01'.padStart(96, '0'),
  ]) {
    assert.throws(() => checkConfigId(wrong, claims), { code: 'MR_CONFIG_MISMATCH' })
  }
})

test('refuses a form that cannot be judged, by name', () => {
  for (const form of ['03', '04', 'ff']) {
    const mrConfigId = form.padEnd(96, '1')
    assert.throws(() => checkConfigId(mrConfigId, claims), { code: 'MR_CONFIG_UNSUPPORTED' })
  }
})

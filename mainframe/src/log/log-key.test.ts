import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { parseVkey } from '@vorta/receipt/note'
import { openLogKey } from './log-key.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-key-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('makes a key once, readable by its owner only', (t) => {
  const folder = join(newFolder(t), 'data')
  const made = openLogKey(folder, 'log.example')
  const again = openLogKey(folder, 'log.example')
  assert.equal(again.vkey, made.vkey)
  assert.deepEqual(readdirSync(folder), ['log.key'])
  assert.equal(statSync(join(folder, 'log.key')).mode & 0o777, 0o600)
})

test('signs under the key that its vkey names', async (t) => {
  const { vkey, sign } = openLogKey(newFolder(t), 'log.example/a')
  const { name, key } = parseVkey(nodeCrypto, vkey)
  assert.equal(name, 'log.example/a')
  const message = utf8('message')
  assert.ok(await nodeCrypto.verifyEd25519(key, message, sign(message)))
  assert.ok(!(await nodeCrypto.verifyEd25519(key, utf8('other'), sign(message))))
})

test('refuses a key file that others can read', (t) => {
  const folder = newFolder(t)
  openLogKey(folder, 'log.example')
  chmodSync(join(folder, 'log.key'), 0o640)
  assert.throws(() => openLogKey(folder, 'log.example'), { code: 'CONFIG_INVALID' })
})

test('refuses a file that is no Ed25519 key, and never replaces it', (t) => {
  const folder = newFolder(t)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  for (const content of ['', 'no key', pem]) {
    writeFileSync(join(folder, 'log.key'), content, { mode: 0o600 })
    assert.throws(() => openLogKey(folder, 'log.example'), { code: 'CONFIG_INVALID' })
    assert.equal(statSync(join(folder, 'log.key')).size, content.length)
  }
})

test('refuses an origin that cannot name a key', (t) => {
  const folder = newFolder(t)
  for (const origin of ['', 'a b', 'a+b', 'a\nb']) {
    assert.throws(() => openLogKey(folder, origin), { code: 'CONFIG_INVALID' })
  }
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig, parseConfig } from '@vorta/core/config'
import { readJoinToken, withEnvironment, workerConfigDecoder } from './config.ts'

const sample = join(import.meta.dirname, '../../config/worker.yaml')

test('the sample configuration spells out the defaults', () => {
  const given = loadConfig(sample, workerConfigDecoder)
  const minimal = `mainframe: { endpoint: ${given.mainframe.endpoint} }`
  assert.deepEqual(given, parseConfig(minimal, 'minimal.yaml', workerConfigDecoder))
})

test('refuses unknown fields, other kinds of enclave and addresses that are none', () => {
  for (const [text, field] of [
    ['mainframe: { endpoint: "http://a" }\nslot: 1', /slot/],
    ['mainframe: { endpoint: "http://a" }\nenclave: { tee: none }', /enclave\.tee/],
    ['mainframe: { endpoint: "a:7070" }', /mainframe\.endpoint/],
    ['slots: 4', /mainframe/],
  ] as const) {
    assert.throws(() => parseConfig(text, 'worker.yaml', workerConfigDecoder), {
      code: 'CONFIG_INVALID',
      message: field,
    })
  }
})

test('the environment goes before the file', () => {
  const config = loadConfig(sample, workerConfigDecoder)
  const endpoint = 'https://mainframe.example.org'
  const changed = withEnvironment(config, { VORTA_MAINFRAME_ENDPOINT: endpoint })
  assert.equal(changed.mainframe.endpoint, endpoint)
  assert.throws(() => withEnvironment(config, { VORTA_MAINFRAME_ENDPOINT: 'mainframe' }), {
    code: 'CONFIG_INVALID',
  })
  const env = { VORTA_JOIN_TOKEN_FILE: '/nowhere/token' }
  assert.throws(() => readJoinToken(config, env), { code: 'UNAVAILABLE', message: /nowhere/ })
})

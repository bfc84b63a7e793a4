import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { loadConfig, parseConfig } from '@vorta/core/config'
import { mainframeConfig } from './config.ts'
import { loadTls, splitAddress } from './settings.ts'

const required = 'attestation: {policyFile: p.yaml}\ntransparencyLog: {origin: vorta.local/log}\n'
const read = (text: string) => parseConfig(text, 'mainframe.yaml', mainframeConfig)
const withLine = (line: string) => read(`${required}${line}\n`)

suite('the configuration', () => {
  test('needs a policy and an origin, and has defaults for the rest', () => {
    assert.deepEqual(read(required), {
      listen: '127.0.0.1:7070',
      dataFolder: 'data/mainframe',
      insecure: false,
      attestation: {
        policyFile: 'p.yaml',
        enclave: 'enclave/src/main.ts',
        maxEvidenceAge: 3_600_000,
      },
      transparencyLog: { origin: 'vorta.local/log' },
      workers: { heartbeat: 1000, lease: 5000 },
      artifacts: { maxSize: 2 ** 30 },
      scheduler: { weights: {} },
      log: { level: 'info' },
    })
  })

  test('in the repository is a good one', () => {
    const file = join(import.meta.dirname, '../../config/mainframe.yaml')
    const { scheduler, listen } = loadConfig(file, mainframeConfig)
    assert.equal(listen, '127.0.0.1:7070')
    assert.equal(Object.keys(scheduler.weights).length, 8)
  })

  for (const line of [
    'listen: "127.0.0.1:0"',
    'listen: "[::1]:65535"',
    'listen: "localhost:7070"',
    'tls: {certFile: a.pem, keyFile: b.pem}',
    'insecure: true',
    'dataFolder: /tmp/x',
    'workers: {heartbeat: 50ms, lease: 100ms}',
    'artifacts: {maxSize: 2Gi}',
    'scheduler: {weights: {LoadBalance: 0, NetworkLatency: 2.5}}',
    'log: {level: silent}',
  ]) {
    test(`takes ${line}`, () => assert.ok(withLine(line)))
  }

  for (const line of [
    'listen: 7070',
    'listen: ":7070"',
    'listen: "127.0.0.1"',
    'listen: "256.0.0.1:7070"',
    'listen: "127.0.0.1:65536"',
    'listen: "example.org:7070"',
    'tls: {certFile: a.pem}',
    'tls: {certFile: a.pem, keyFile: b.pem, caFile: c.pem}',
    'insecure: "yes"',
    'dataFolder: ""',
    'workers: {heartbeat: 0ms}',
    'workers: {heartbeat: 3s, lease: 5s}',
    'workers: {lease: 2h}',
    'workers: {grace: 5s}',
    'artifacts: {maxSize: -1}',
    'scheduler: {weights: {LoadBalancing: 5}}',
    'scheduler: {weights: {LoadBalance: -1}}',
    'scheduler: {weights: {LoadBalance: .nan}}',
    'log: {level: verbose}',
    'lisen: "127.0.0.1:0"',
    'insecure: true\ninsecure: false',
  ]) {
    test(`refuses ${line.replace('\n', ', ')}`, () => {
      assert.throws(() => withLine(line), { code: 'CONFIG_INVALID' })
    })
  }

  for (const text of [
    '',
    'attestation: {policyFile: p.yaml}',
    required.replace('vorta.local/log', 'https://vorta.local/log'),
    required.replace('p.yaml', '""'),
    required.replace('p.yaml', 'p.yaml, maxEvidenceAge: 10ms'),
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => read(text), { code: 'CONFIG_INVALID' })
    })
  }

  test('refuses an unknown field with the one that was meant', () => {
    assert.throws(
      () => withLine('lisen: "127.0.0.1:0"'),
      ({ hints, message }) => hints[0] === 'did you mean listen?' && message.includes('lisen'),
    )
  })
})

suite('an address', () => {
  const plain = { insecure: false }
  const tls = { certFile: 'a', keyFile: 'b' }

  test('on the loopback needs no TLS', () => {
    assert.deepEqual(splitAddress({ listen: '127.0.0.1:0', ...plain }), ['127.0.0.1', 0])
    assert.deepEqual(splitAddress({ listen: '127.9.9.9:80', ...plain }), ['127.9.9.9', 80])
    assert.deepEqual(splitAddress({ listen: '[::1]:7070', ...plain }), ['::1', 7070])
    assert.deepEqual(splitAddress({ listen: 'localhost:1', ...plain }), ['localhost', 1])
  })

  for (const listen of ['0.0.0.0:7070', '[::]:7070', '192.168.0.9:7070', '[::ffff:1]:7070']) {
    test(`that others can reach needs TLS, or a word that it does not: ${listen}`, () => {
      assert.throws(
        () => splitAddress({ listen, ...plain }),
        ({ code, hints }) => {
          assert.equal(hints.length, 2)
          return code === 'CONFIG_INVALID'
        },
      )
      assert.ok(splitAddress({ listen, insecure: true }))
      assert.ok(splitAddress({ listen, tls, ...plain }))
    })
  }

  test('has its certificate in files that can be read', () => {
    assert.equal(loadTls({}), undefined)
    assert.throws(() => loadTls({ tls: { certFile: '/none', keyFile: '/none' } }), {
      code: 'CONFIG_INVALID',
      message: 'tls.certFile: /none cannot be read',
    })
  })
})

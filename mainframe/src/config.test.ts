import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { loadConfig, parseConfig } from '@vorta/core/config'
import { loadTls, splitAddress } from '@vorta/core/server/listen'
import { mainframeConfig } from './config.ts'

const required = 'attestation: {policyFile: p.yaml}\ntransparencyLog: {origin: vorta.local/log}\n'
const read = (text: string) => parseConfig(text, 'mainframe.yaml', mainframeConfig)
const withLine = (line: string) => read(`${required}${line}\n`)

suite('the configuration', () => {
  test('needs a policy and an origin, and has defaults for the rest', () => {
    const { attestation, ...rest } = read(required)
    const { policyFile, enclave, maxEvidenceAge, service, policies, appraisals } = attestation
    assert.deepEqual(
      { policyFile, enclave, maxEvidenceAge, service, policies },
      {
        policyFile: 'p.yaml',
        enclave: 'enclave/src/main.ts',
        maxEvidenceAge: 3_600_000,
        service: 'inside',
        policies: {},
      },
    )
    assert.deepEqual(attestation.collateral, {
      endpoints: [{ url: 'https://api.trustedservices.intel.com' }],
      simulatedEndpoints: [],
      update: 'standard',
      maxAge: 86_400_000,
      grace: 0,
      timeout: 10_000,
    })
    assert.deepEqual(attestation.forecast, {
      every: 21_600_000,
      standardAfter: 42 * 86_400_000,
      cordon: 'certain',
      cordonBefore: 600_000,
    })
    assert.deepEqual(appraisals, {
      challenges: { ttl: 300_000, most: 100_000 },
      results: { validFor: 3_600_000, keep: 2_592_000_000 },
      limits: { underWay: 256 },
    })
    assert.deepEqual(rest, {
      listen: '127.0.0.1:7070',
      dataFolder: 'data/mainframe',
      insecure: false,
      transparencyLog: { origin: 'vorta.local/log' },
      workers: { heartbeat: 1000, lease: 5000 },
      keyRelease: { timeout: 300_000 },
      artifacts: { maxSize: 2 ** 30 },
      scheduler: { weights: {} },
      log: { level: 'info' },
    })
  })

  test('takes an attestation service inside or elsewhere, and further policies', () => {
    const withMembers = (members: string) =>
      read(required.replace('policyFile: p.yaml', `policyFile: p.yaml, ${members}`)).attestation
    const files = 'tokenFile: t, jwksFile: k'
    const { service } = withMembers(`service: {endpoint: "https://a:1", ${files}}`)
    assert.ok(service !== 'inside' && service.policy === 'default')
    assert.equal(withMembers('service: inside, policies: {strict: s.yaml}').service, 'inside')
    for (const wrong of [
      'service: outside',
      'service: {endpoint: "https://a:1", tokenFile: t}',
      `service: {endpoint: "https://a:1/b", ${files}}`,
      `service: {endpoint: "https://user@a:1", ${files}}`,
      `service: {endpoint: "ftp://a:1", ${files}}`,
      'policies: {"A b": s.yaml}',
    ]) {
      assert.throws(() => withMembers(wrong), { code: 'CONFIG_INVALID' }, wrong)
    }
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

// The commands about attestation results, against a real service.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { testEnclave } from '@vorta/attestation-service/testkit/enclave'
import { openServer, type TestServer } from '@vorta/attestation-service/testkit/server'
import { folder as newFolder, cli as runCli } from '../test/io.ts'

const folder = newFolder()
const enclave = testEnclave(Date.now())
const write = (name: string, data: string | Uint8Array) => {
  writeFileSync(join(folder, name), data)
  return join(folder, name)
}
const genuine = enclave.evidence()
const evidence = write('evidence.json', JSON.stringify(genuine))
const receipt = write('receipt.json', JSON.stringify({ evidence: genuine }))

suite('attestation', () => {
  let server: TestServer
  let jwks: string
  before(async () => {
    server = await openServer()
    jwks = write('jwks.json', JSON.stringify(await server.keys()))
  })
  after(() => server.remove())

  const cli = (...args: readonly string[]) =>
    runCli(['attestation', ...args], {
      env: { VORTA_ENDPOINT: server.url, VORTA_TOKEN: server.token },
      now: Date.now,
    })

  test('challenge prints the nonce alone on stdout', async () => {
    const { code, out, err } = await cli('challenge')
    assert.equal(code, 0)
    assert.match(out, /^[0-9a-f]{64}\n$/)
    assert.match(err, /good once, until \d{4}-/)
    const json = JSON.parse((await cli('challenge', '--json')).out)
    assert.equal(Buffer.from(json.nonce, 'base64').length, 32)
  })

  test('appraise says what was checked, what was not, and that it is SIMULATED', async () => {
    for (const file of [evidence, receipt]) {
      const { code, out } = await cli('appraise', file)
      assert.equal(code, 0)
      assert.match(out, /✓ genuine/)
      assert.match(out, /· fresh +no challenge was sent/)
      assert.match(out, /✓ ACCEPTED SIMULATED by the policy default\n$/)
    }
  })

  test('appraise ends with 5 where the service refuses, and names the page', async () => {
    const { code, out, err } = await cli('appraise', evidence, '--policy', 'hardware')
    assert.equal(code, 5)
    assert.match(out, /✗ REFUSED SIMULATED by the policy hardware: SIMULATED_NOT_ALLOWED\n$/)
    assert.match(err, /errors.md#simulated_not_allowed/)
  })

  test('appraise takes a bare quote only with what it has to bind', async () => {
    const quote = write('quote.bin', enclave.quote(new Uint8Array(64)))
    const given = await cli('appraise', quote, '--report-data', '00'.repeat(64))
    assert.equal(given.code, 0, given.err)
    const none = await cli('appraise', quote)
    assert.deepEqual([none.code, none.out], [2, ''])
    assert.match(none.err, /--claims, --user-data and --report-data/)
    const both = ['--report-data', '00'.repeat(64), '--user-data', quote]
    assert.equal((await cli('appraise', quote, ...both)).code, 2)
  })

  test('get, list and verify agree on a result', async () => {
    const jwt = join(folder, 'result.jwt')
    const { out } = await cli('appraise', evidence, '--ear', jwt, '-o', 'json')
    const { name } = JSON.parse(out)
    assert.equal(JSON.parse((await cli('get', name, '-o', 'json')).out).name, name)
    assert.match((await cli('get', name)).out, new RegExp(name))
    assert.equal((await cli('list', '-q', '--limit', '1')).out, `${name}\n`)
    assert.match((await cli('list')).out, /^NAME +VERDICT +TEE .*\n.* accepted +SIMULATED/)
    const token = write('again.jwt', (await cli('get', name, '-o', 'jwt')).out)
    for (const file of [jwt, token]) {
      for (const about of [evidence, receipt]) {
        const verified = await cli('verify', file, '--jwks', jwks, '--evidence', about)
        assert.equal(verified.code, 0, verified.out + verified.err)
        assert.match(verified.out, /^SIMULATED: /)
      }
    }
    const other = write('other.json', JSON.stringify(enclave.evidence(new Uint8Array(32).fill(1))))
    const refused = await cli('verify', jwt, '--jwks', jwks, '--evidence', other)
    assert.equal(refused.code, 5)
    assert.match(refused.out, /^✗ REJECTED EAR_EVIDENCE_MISMATCH/)
  })

  test('verify asks for a key set, and says what is no token', async () => {
    assert.equal((await cli('verify', evidence)).code, 2)
    const { code, out } = await cli('verify', evidence, '--jwks', jwks)
    assert.equal(code, 5)
    assert.match(out, /EAR_FORMAT/)
  })

  test('get of what does not exist ends with 6, and of what is no name with 2', async () => {
    assert.equal((await cli('get', 'a0')).code, 6)
    assert.equal((await cli('get', '../a')).code, 2)
    assert.equal((await cli('list', '--limit', '0')).code, 2)
  })
})

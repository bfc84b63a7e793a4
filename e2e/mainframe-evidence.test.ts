// A mainframe that proves what it is: inside a dstack guest with a TLS key of the
// guest agent, simulated, and not at all. With a man in the middle.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { startDstackAgent } from '@vorta/attestation/testkit/dstack-agent'
import { utf8 } from '@vorta/core'
import { type ClusterOptions, startCluster, type TestCluster } from '../scripts/cluster.ts'
import { cli } from './kit/cli.ts'
import { metricsOf, temporaryFolder } from './kit/system.ts'

const { path: folder, remove } = temporaryFolder()
after(remove)

const write = (name: string, value: object): string => {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(value)) // JSON is YAML
  return path
}

async function boot(name: string, self: object): Promise<TestCluster> {
  const mainframeConfig = write(`${name}.yaml`, {
    attestation: { policyFile: 'config/policy.yaml', self },
    transparencyLog: { origin: `${name}.test/log` },
  })
  const options: ClusterOptions = { folder: join(folder, name), workers: 0, mainframeConfig }
  const cluster = await startCluster(options)
  after(() => cluster.stop())
  return cluster
}

const verify = async (endpoint: string, ...args: readonly string[]) => {
  const all = ['mainframe', 'verify', '--endpoint', endpoint, '-o', 'json', ...args]
  const { code, stdout, stderr } = await cli(all)
  return { code, stderr, verdict: stdout === '' ? undefined : JSON.parse(stdout) }
}

suite('a mainframe inside a dstack guest', async () => {
  const appCompose = utf8('{"name":"vorta-mainframe","runner":"docker-compose"}')
  const agent = await startDstackAgent({
    appCompose,
    now: Date.now(),
    socket: join(folder, 'dstack.sock'),
  })
  after(agent.close)
  const self = { provider: 'dstack', endpoint: agent.endpoint, tlsName: 'localhost' }
  const cluster = await boot('dstack', self)
  const { guest } = agent
  const [, rtmr1, rtmr2] = guest.registers()
  const td = {
    mrtd: [guest.mrtd],
    rtmr0: 'any',
    rtmr1: [rtmr1],
    rtmr2: [rtmr2],
    composeHash: [guest.identity.composeHash],
  }
  const policy = write('policy.yaml', { tees: ['tdx'], measurements: { td: [td] } })

  test('is accepted by a policy about its application, over TLS with a key of the guest', async () => {
    assert.match(cluster.url, /^https:/)
    const { code, verdict, stderr } = await verify(
      cluster.url,
      ...['--policy', policy, '--allow-simulated'],
    )
    assert.equal(code, 0, stderr)
    const { outcome, accepted, tee, simulated, measurement, dstack, log, tls } = verdict
    assert.deepEqual([outcome, accepted, tee, simulated], ['verified', true, 'tdx', true])
    assert.equal(measurement, guest.mrtd)
    assert.deepEqual(dstack, guest.identity)
    assert.match(log, /^dstack\.test\/log\/SIMULATED\+/)
    assert.match(tls, /^[0-9a-f]{64}$/)
  })

  test('says SIMULATED to people, and is refused without leave for that', async () => {
    const args = ['mainframe', 'verify', '--endpoint', cluster.url, '--policy', policy]
    const refused = await cli(args)
    assert.equal(refused.code, 5)
    assert.match(refused.stdout, /SIMULATED_NOT_ALLOWED/)
    const accepted = await cli([...args, '--allow-simulated'])
    assert.equal(accepted.code, 0, accepted.stderr)
    assert.match(accepted.stdout, /SIMULATED/)
    assert.match(accepted.stdout, /key of this connection/)
  })

  test('is refused by a policy about another application', async () => {
    const other = { ...td, composeHash: ['11'.repeat(32)] }
    const policy = write('other.yaml', { tees: ['tdx'], measurements: { td: [other] } })
    const { code, verdict } = await verify(cluster.url, '--policy', policy, '--allow-simulated')
    assert.equal(code, 5)
    assert.equal(verdict.rejectCode, 'MEASUREMENT_NOT_ALLOWED')
  })

  test('is refused where its log has another key than expected', async () => {
    const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
    const { code, verdict } = await verify(cluster.url, '--policy', policy, '--log-key', vkey)
    assert.deepEqual([code, verdict.rejectCode], [5, 'MAINFRAME_LOG_MISMATCH'])
  })

  test('is refused behind a man in the middle with a certificate of the same guest', async () => {
    const target = new URL(cluster.url)
    const { key, certificate_chain } = await askAgent(agent.endpoint)
    const tls = { key, cert: certificate_chain.join('\n'), ALPNProtocols: ['h2'] }
    const server = createTlsServer(tls, (socket: TLSSocket) => {
      const options = {
        host: target.hostname,
        port: Number(target.port),
        ALPNProtocols: ['h2'],
        rejectUnauthorized: false,
      }
      const onward = connectTls(options)
      socket.pipe(onward).pipe(socket)
      onward.on('error', () => socket.destroy())
      socket.on('error', () => onward.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    after(() => server.close())
    const { port } = server.address() as AddressInfo
    const args = ['--policy', policy, '--allow-simulated']
    const { code, verdict } = await verify(`https://127.0.0.1:${port}`, ...args)
    assert.deepEqual([code, verdict.rejectCode], [5, 'MAINFRAME_TLS_MISMATCH'])
  })
})

/** A TLS key with a genuine certificate of the guest, as anything in it may have one. */
async function askAgent(socket: string) {
  const body = JSON.stringify({ subject: 'localhost', usage_ra_tls: true })
  const connection = connectTcp(socket)
  connection.write(
    `POST /GetTlsKey HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  let answer = ''
  for await (const part of connection) answer += part
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as {
    readonly key: string
    readonly certificate_chain: readonly string[]
  }
}

suite('a simulated mainframe', async () => {
  const cluster = await boot('simulated', { provider: 'simulated' })

  test('is the mainframe of this checkout', async () => {
    const { code, verdict, stderr } = await verify(cluster.url, '--allow-simulated')
    assert.equal(code, 0, stderr)
    assert.deepEqual([verdict.tee, verdict.simulated, verdict.tls], ['sgx', true, undefined])
  })

  test('proves itself to anybody, and shows nothing else', async () => {
    const call = (method: string, body: object) =>
      fetch(`${cluster.url}/vorta.v1.${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const ask = async () => {
      const nonce = Buffer.alloc(32, 7).toString('base64')
      const answer = await call('MainframeService/GetMainframeEvidence', { nonce })
      assert.equal(answer.status, 200)
      return answer.text()
    }
    assert.equal(await ask(), await ask()) // no second quote for the same challenge
    const short = await call('MainframeService/GetMainframeEvidence', { nonce: 'AAAA' })
    assert.equal(short.status, 400)
    assert.equal((await call('ClusterService/GetServerInfo', {})).status, 401)
    const count = metricsOf(() => cluster.url)
    assert.equal(await count('vorta_mainframe_own_evidence_total', { code: 'INVALID_ARGUMENT' }), 1)
  })

  test('makes no more quotes at once than it can', async () => {
    const ask = async (index: number) => {
      const nonce = Buffer.alloc(32, index).toString('base64')
      const answer = await fetch(`${cluster.url}/vorta.v1.MainframeService/GetMainframeEvidence`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ nonce }),
      })
      await answer.arrayBuffer()
      return answer.status
    }
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => ask(index + 100)))
    assert.ok(answers.every((status) => status === 200 || status === 429))
    assert.ok(answers.includes(200))
  })
})

test('an ordinary mainframe has no evidence to show', async () => {
  const cluster = await boot('ordinary', { provider: 'none' })
  const { code, verdict } = await verify(cluster.url, '--allow-simulated')
  assert.deepEqual([code, verdict.outcome, verdict.rejectCode], [5, 'rejected', 'NOT_ATTESTED'])
  assert.match(readFileSync(join(folder, 'ordinary/mainframe.log'), 'utf8'), /mainframe is up/)
})

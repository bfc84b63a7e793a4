import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { toHex } from '@vorta/core'
import { createLogger } from '@vorta/core/log'
import { createMetrics } from '../metrics.ts'
import { until } from '../testkit/parts.ts'
import { openTokens } from './tokens.ts'
import { acceptWorkers, workerPath, workerProtocol } from './upgrade.ts'

suite('the door for workers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-upgrade-test-'))
  const tokens = openTokens(folder)
  const token = readFileSync(join(folder, 'join.token'), 'utf8').trim()
  const metrics = createMetrics()
  const joined: { id: string; nonce: Uint8Array; said: Promise<string> }[] = []
  const server = createServer().on(
    'upgrade',
    acceptWorkers({
      tokens,
      metrics,
      log: createLogger('test', 'silent'),
      join: (id, socket, nonce) => {
        socket.write('welcome')
        joined.push({ id, nonce, said: once(socket, 'data').then(([data]) => String(data)) })
      },
    }),
  )
  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  after(() => {
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true })
  })

  const knock = (headers: Record<string, string> = {}, path = workerPath) => {
    const { port } = server.address() as AddressInfo
    return request({
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: workerProtocol,
        authorization: `Bearer ${token}`,
        'vorta-worker-id': 'w1',
        ...headers,
      },
    }).end()
  }

  test('opens to one that knows the join token, and keeps what it said already', async () => {
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `GET ${workerPath} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${workerProtocol}\r\n` +
        `Authorization: Bearer ${token}\r\nVorta-Worker-Id: worker-01\r\n\r\nearly`,
    )
    let text = ''
    for await (const data of socket) {
      text += data
      if (text.endsWith('welcome')) break
    }
    assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n.*Upgrade: vorta-worker\/1/s)
    const { id, nonce, said } = joined.at(-1) ?? {}
    assert.ok(nonce && text.includes(`Vorta-Nonce: ${toHex(nonce)}\r\n`))
    assert.equal(id, 'worker-01')
    assert.equal(await said, 'early')
  })

  const refusals: [what: string, status: number, headers: Record<string, string>, path?: string][] =
    [
      ['no token', 401, { authorization: '' }],
      ['another token', 401, { authorization: 'Bearer x' }],
      ['the token of the administrator', 401, { authorization: 'admin' }],
      ['no worker id', 400, { 'vorta-worker-id': '' }],
      ['a worker id that is no label', 400, { 'vorta-worker-id': '../w1' }],
      ['another protocol', 400, { upgrade: 'websocket' }],
      ['another path', 400, {}, '/vorta.v1.JobService/CreateJob'],
    ]
  for (const [what, status, headers, path] of refusals) {
    test(`stays closed for ${what}, and says so`, async () => {
      const admin = readFileSync(join(folder, 'admin.token'), 'utf8').trim()
      if (headers.authorization === 'admin') headers.authorization = `Bearer ${admin}`
      const before = joined.length
      const [response] = await once(knock(headers, path), 'response')
      assert.equal(response.statusCode, status)
      let body = ''
      for await (const chunk of response) body += chunk
      const { code, message } = JSON.parse(body)
      assert.equal(code, status === 401 ? 'UNAUTHENTICATED' : 'INVALID_ARGUMENT')
      assert.ok(!message.includes(token) && !message.includes(admin))
      assert.equal(joined.length, before)
      const { values } = await metrics.joinsRefused.get()
      assert.ok(values.some(({ labels, value }) => labels.code === code && value > 0))
    })
  }

  test('does not wait for one that was refused to leave', async () => {
    const connections = () =>
      new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
    const before = await connections()
    const { port } = server.address() as AddressInfo
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const head = `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`
    socket.on('error', () => {}).write(head)
    socket.resume()
    await once(socket, 'end')
    await until('it was dropped', async () => (await connections()) <= before)
    socket.destroy()
  })
})

// The port with real sockets: HTTP/1.1 and HTTP/2 on one address, in clear text
// and over TLS, and clients that misbehave.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as request1 } from 'node:http'
import { connect as connect2 } from 'node:http2'
import { request as requestTls } from 'node:https'
import { connect, type Socket } from 'node:net'
import { after, suite, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { element, name, octets, oid, sequence } from '@vorta/attestation/der-writer'
import { simulatedKey } from '@vorta/attestation/simulated/keys'
import { certify, pem } from '@vorta/attestation/simulated/pki'
import { openPort, type Port } from './port.ts'

const key = simulatedKey('test server')
const subject = name('127.0.0.1')
const address = octets(sequence(element(0x87, Uint8Array.of(127, 0, 0, 1))))
const certificate = pem(
  certify({
    issuer: { subject, key },
    subject,
    key: key.publicKey,
    more: [sequence(oid('2.5.29.17'), address)],
  }),
)
const tls = {
  cert: certificate,
  key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
}

const open = (options: Partial<Parameters<typeof openPort>[0]> = {}): Promise<Port> =>
  openPort({
    host: '127.0.0.1',
    port: 0,
    handler: (request, response) => {
      request.resume()
      const answer = `${request.httpVersion} ${request.method} ${request.url}`
      request.on('end', () => response.end(answer))
    },
    onUpgrade: (_, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello'),
    ...options,
  })

async function read(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

const get1 = async (url: string, options: object = {}): Promise<string> => {
  const make = url.startsWith('https') ? requestTls : request1
  const call = make(`${url}/a`, { ca: certificate, agent: false, ...options }).end()
  const [response] = await once(call, 'response')
  return read(response)
}

const get2 = async (url: string): Promise<string> => {
  const session = connect2(url, { ca: certificate })
  const text = await read(session.request({ ':path': '/b' }).setEncoding('utf8'))
  session.close()
  return text
}

const dial = async ({ url }: Port): Promise<Socket> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  return socket.on('error', () => {})
}

const raw = async (port: Port, ...writes: (string | Uint8Array)[]): Promise<string> => {
  const socket = (await dial(port)).setNoDelay(true)
  for (const bytes of writes) {
    await new Promise((resolve) => socket.write(bytes, resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return read(socket)
}

suite('a port in clear text', async () => {
  const port = await open()
  after(() => port.close())

  test('answers HTTP/1.1', async () => {
    assert.equal(await get1(port.url), '1.1 GET /a')
  })

  test('answers HTTP/2 with prior knowledge', async () => {
    assert.equal(await get2(port.url), '2.0 GET /b')
  })

  test('answers a request that comes byte by byte', async () => {
    const bytes = [
      ...'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    ]
    assert.match(await raw(port, ...bytes), /1\.1 POST \//)
  })

  test('answers a method that begins like the preface of HTTP/2', async () => {
    const text = 'PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    assert.match(await raw(port, 'P', 'R', text.slice(2)), /1\.1 PROPFIND \//)
  })

  test('knows HTTP/2 from a preface split in single bytes', async () => {
    const socket = await dial(port)
    const settings = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0)
    for (const byte of [...Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ...settings]) {
      socket.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const [answer] = await once(socket, 'data')
    assert.equal(answer[3], 4, 'a SETTINGS frame')
    socket.destroy()
  })

  test('hands over an upgrade with its socket', async () => {
    const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
    assert.match(await raw(port, upgrade), /^HTTP\/1\.1 101 .*\r\n\r\nhello$/s)
  })

  test('outlives nonsense and clients that vanish', async () => {
    assert.match(await raw(port, '\0\0\0 nonsense\r\n\r\n'), /^(?:HTTP\/1\.1 400|$)/)
    for (const text of ['', 'PRI', 'GET / HT', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense']) {
      const socket = await dial(port)
      socket.write(text)
      socket.resetAndDestroy()
    }
    assert.equal(await get1(port.url), '1.1 GET /a')
  })

  test('is refused where another one listens', async () => {
    const taken = Number(new URL(port.url).port)
    await assert.rejects(open({ port: taken }), {
      code: 'CONFIG_INVALID',
      message: /^listen: 127\.0\.0\.1:\d+: cannot be used: .*EADDRINUSE/,
    })
  })
})

suite('a port that is kept waiting', async () => {
  const port = await open({ helloTimeoutMs: 50 })
  const overTls = await open({ helloTimeoutMs: 50, tls })
  after(() => Promise.all([port.close(), overTls.close()]))

  for (const [what, said] of [
    ['says nothing', ''],
    ['stops within the preface of HTTP/2', 'PRI * HT'],
    ['stops within its headers', 'GET / HTTP/1.1\r\nHost'],
  ] as const) {
    test(`drops a client that ${what}`, async () => {
      const socket = await dial(port)
      socket.write(said)
      assert.match(await read(socket), /^(?:$|HTTP\/1\.1 408)/)
    })
  }

  test('does not drop one that said what it wants', async () => {
    const socket = await dial(port)
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, 150)) // three times the patience
    socket.write('x')
    assert.match(await read(socket), /1\.1 POST \//)
  })

  test('drops a client that does not shake hands', async () => {
    await read(await dial(overTls))
  })
})

suite('a port over TLS', async () => {
  const port = await open({ tls })
  after(() => port.close())

  test('speaks what ALPN asks for', async () => {
    assert.match(port.url, /^https:/)
    assert.equal(await get1(port.url), '1.1 GET /a')
    assert.equal(await get1(port.url, { ALPNProtocols: ['http/1.1'] }), '1.1 GET /a')
    assert.equal(await get2(port.url), '2.0 GET /b')
  })

  test('speaks TLS 1.3 and nothing older, nothing else', async () => {
    const { port: number } = new URL(port.url)
    const options = { port: Number(number), host: '127.0.0.1', ca: certificate }
    await assert.rejects(once(connectTls({ ...options, maxVersion: 'TLSv1.2' }), 'secureConnect'))
    await assert.rejects(
      once(connectTls({ ...options, ALPNProtocols: ['spdy/3'] }), 'secureConnect'),
    )
    assert.equal(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => ''), '')
    assert.equal(await get1(port.url), '1.1 GET /a')
  })

  test('is refused with a certificate that is none', async () => {
    await assert.rejects(open({ tls: { cert: 'none', key: 'none' } }), { code: 'CONFIG_INVALID' })
  })
})

suite('a port that closes', () => {
  test('ends idle connections at once, and waits for calls in flight', async () => {
    let answer = () => {}
    const asked = Promise.withResolvers<void>()
    const port = await open({
      handler: (_, response) => {
        answer = () => response.end('late')
        asked.resolve()
      },
    })
    const session = connect2(port.url)
    await once(session, 'connect')
    const idle = await dial(port)
    const call = read(session.request({ ':path': '/' }).setEncoding('utf8'))
    await asked.promise
    const closed = port.close()
    idle.end()
    await assert.rejects(get1(port.url), { code: 'ECONNREFUSED' })
    answer()
    assert.equal(await call, 'late')
    await closed
  })

  test('ends what does not end by itself', async () => {
    const port = await open({ handler: () => {} })
    const session = connect2(port.url).on('error', () => {})
    await once(session, 'connect')
    session.request({ ':path': '/' }).on('error', () => {})
    const silent = (await dial(port)).resume()
    await Promise.all([port.close(), once(session, 'close'), once(silent, 'close')])
  })
})

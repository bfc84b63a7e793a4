import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, suite, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { equal } from '@vorta/core'
import { parseRaTlsCertificate } from './certificate.ts'
import { openChannel } from './channel.ts'
import { createRaTlsKey, issueCertificate, type RaTlsKey, type TlsIdentity } from './issue.ts'
import { hearVerdict } from './verdict.ts'

const signal = AbortSignal.timeout(10_000)
const now = Date.now()
const issue = (key: RaTlsKey): TlsIdentity =>
  issueCertificate({ key, commonName: 'test', now, lifetime: 60_000 })

const [clientKey, serverKey] = [createRaTlsKey(), createRaTlsKey()]
const [client, server] = [issue(clientKey), issue(serverKey)]
const open: Duplex[] = []

async function socketPair(): Promise<[Socket, Socket]> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const dialled = connect((listener.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(listener, 'connection')) as [Socket]
  listener.close()
  for (const socket of [dialled, accepted]) socket.on('error', () => {})
  open.push(dialled, accepted)
  return [dialled, accepted]
}

/** Two ends of a stream that has no file descriptor. */
function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = []
  const end = (other: number) =>
    new Duplex({
      read() {},
      write(chunk, _, done) {
        ends[other]?.push(chunk)
        done()
      },
    })
  ends.push(end(1), end(0))
  open.push(...ends)
  return ends as [Duplex, Duplex]
}

const both = ([a, b]: readonly [Duplex, Duplex]) =>
  Promise.all([
    openChannel(a, { ...client, role: 'client', signal }),
    openChannel(b, { ...server, role: 'server', signal }),
  ])

/** Fails where the work never ends, which the runner would not tell. */
const settled = (work: Promise<unknown>): Promise<unknown> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('still waiting')), 2000)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

afterEach(() => {
  for (const stream of open.splice(0)) stream.destroy()
})

suite('a channel', () => {
  for (const [what, pair] of [
    ['TCP', socketPair],
    ['any stream', duplexPair],
    [
      'another TLS connection',
      async () => (await both(await socketPair())).map(({ socket }) => socket),
    ],
  ] as const) {
    test(`shows each end the key of the other, over ${what}`, async () => {
      const [a, b] = await both((await pair()) as [Duplex, Duplex])
      assert.ok(equal(parseRaTlsCertificate(a.peer).spki, serverKey.spki))
      assert.ok(equal(parseRaTlsCertificate(b.peer).spki, clientKey.spki))
      assert.equal(a.socket.getProtocol(), 'TLSv1.3')
      a.socket.write('ping')
      assert.equal(String((await once(b.socket, 'data'))[0]), 'ping')
      b.socket.write('pong')
      assert.equal(String((await once(a.socket, 'data'))[0]), 'pong')
    })
  }

  test('begins with bytes that arrived before it', async () => {
    const [dialled, accepted] = await socketPair()
    const opening = openChannel(dialled, { ...client, role: 'client', signal })
    const [first] = (await once(accepted, 'data')) as [Buffer]
    accepted.pause()
    accepted.unshift(first)
    await Promise.all([opening, openChannel(accepted, { ...server, role: 'server', signal })])
  })

  test('refuses a peer without a certificate', async () => {
    const [dialled, accepted] = await socketPair()
    connectTls({ socket: dialled, rejectUnauthorized: false }).on('error', () => {})
    const opening = openChannel(accepted, { ...server, role: 'server', signal })
    await assert.rejects(opening, { code: 'RATLS_NO_CERTIFICATE' })
    assert.ok(accepted.destroyed)
  })

  test('refuses older versions of TLS', async () => {
    const [dialled, accepted] = await socketPair()
    connectTls({ socket: dialled, ...client, maxVersion: 'TLSv1.2', rejectUnauthorized: false }).on(
      'error',
      () => {},
    )
    const opening = openChannel(accepted, { ...server, role: 'server', signal })
    await assert.rejects(opening, { code: 'RATLS_HANDSHAKE' })
  })

  test('refuses a peer that speaks something else', async () => {
    const [dialled, accepted] = await socketPair()
    const opening = openChannel(accepted, { ...server, role: 'server', signal })
    dialled.write('GET / HTTP/1.1\r\n\r\n')
    await assert.rejects(opening, { code: 'RATLS_HANDSHAKE' })
  })

  test('gives up a peer that is silent, or goes away', async () => {
    const [, accepted] = await socketPair()
    const stop = new AbortController()
    const opening = openChannel(accepted, { ...server, role: 'server', signal: stop.signal })
    stop.abort()
    await assert.rejects(opening, { code: 'RATLS_HANDSHAKE' })
    assert.ok(accepted.destroyed)

    const [gone, left] = await socketPair()
    const waiting = openChannel(left, { ...server, role: 'server', signal })
    gone.destroy()
    await assert.rejects(waiting, { code: 'RATLS_HANDSHAKE' })
    const late = openChannel(left, { ...server, role: 'server', signal: stop.signal })
    await assert.rejects(late, { code: 'RATLS_HANDSHAKE' })
  })

  for (const role of ['client', 'server'] as const) {
    test(`gives up at once a stream that ended before, as a ${role}`, async () => {
      const [gone, left] = await socketPair()
      const ended = new Promise((resolve) => left.once('close', resolve))
      gone.resetAndDestroy()
      await ended
      const patience = AbortSignal.timeout(1000)
      const opening = openChannel(left, { ...client, role, signal: patience })
      await assert.rejects(settled(opening), { code: 'RATLS_HANDSHAKE' })
      assert.equal(patience.aborted, false)
    })
  }

  test('hears no verdict on a connection that has ended, or from one who is silent', async () => {
    const [a, b] = await both(await socketPair())
    const stop = new AbortController()
    const hearing = hearVerdict(a.socket, stop.signal)
    stop.abort()
    await assert.rejects(hearing, { code: 'UNAVAILABLE' })
    await assert.rejects(settled(hearVerdict(a.socket, stop.signal)), { code: 'UNAVAILABLE' })
    b.socket.destroy()
    a.socket.destroy()
    await once(a.socket, 'close')
    await assert.rejects(settled(hearVerdict(a.socket, signal)), { code: 'UNAVAILABLE' })
  })
})

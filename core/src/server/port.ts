// One port for everything: HTTP/1.1 (curl, browsers, the workers' upgrade) and
// HTTP/2 (gRPC, streams), in clear text or over TLS. With TLS, ALPN tells the
// two apart (RFC 7301); without it, the HTTP/2 connection preface does
// (RFC 9113, section 3.4).

import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTls, type TlsOptions } from 'node:tls'
import { fail } from '../errors.ts'

export type Handler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void

export type PortOptions = {
  readonly host: string
  readonly port: number
  readonly tls?: Pick<TlsOptions, 'cert' | 'key'>
  readonly handler: Handler
  /** Takes over the socket of an HTTP/1.1 upgrade request. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** How long a peer may take to say what it wants; the default suits everybody but a test. */
  readonly helloTimeoutMs?: number
}

export type Port = {
  readonly url: string
  /** Takes no more connections, lets calls end for a moment, and then ends all connections. */
  close(): Promise<void>
}

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n')

// Whoever connects has this long for the TLS handshake, for saying what protocol
// it speaks, and for the headers of each HTTP/1.1 request.
const defaultHelloTimeoutMs = 10_000

// The largest upload in one HTTP/1.1 request has this long.
const requestTimeoutMs = 300_000

// What calls in flight get to end in when the port closes.
const closeGraceMs = 2000

/** Throws CONFIG_INVALID where the address cannot be had or the certificate is none. */
export async function openPort(options: PortOptions): Promise<Port> {
  const { host, handler, tls, helloTimeoutMs = defaultHelloTimeoutMs } = options
  const http1 = createHttp1(
    {
      headersTimeout: helloTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(helloTimeoutMs, 5000),
    },
    handler,
  )
  // Node times out slow requests of servers that listen; this one is handed its sockets.
  http1.emit('listening')
  http1.on('upgrade', options.onUpgrade)
  const http2 = createHttp2({ settings: { maxConcurrentStreams: 1000 } }, handler)
  const sessions = new Set<ServerHttp2Session>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })

  const server: Server = coded(`tls`, () =>
    tls
      ? createTls(
          {
            ...tls,
            minVersion: 'TLSv1.3',
            ALPNProtocols: ['h2', 'http/1.1'],
            handshakeTimeout: helloTimeoutMs,
          },
          (socket) => {
            socket.on('error', () => socket.destroy())
            const chosen = socket.alpnProtocol === 'h2' ? http2 : http1
            chosen.emit('connection', socket)
          },
        )
      : createTcp((socket) =>
          byPreface(socket, helloTimeoutMs, (isHttp2) =>
            (isHttp2 ? http2 : http1).emit('connection', socket),
          ),
        ),
  )
  server.on('tlsClientError', (_, socket: Socket) => socket.destroy()) // Node leaves that to us
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy()) // a peer that went away is no news
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(unusable(`listen: ${host}:${options.port}`, cause)))
    server.listen(options.port, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const shownHost = host.includes(':') ? `[${host}]` : host
  return {
    url: `${tls ? 'https' : 'http'}://${shownHost}:${port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      http1.close() // ends the connections that are idle
      for (const session of sessions) session.close()
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, closeGraceMs)
      await closed
      clearTimeout(timer)
    },
  }
}

function coded<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw unusable(what, cause as Error)
  }
}

const unusable = (what: string, cause: Error) =>
  fail('CONFIG_INVALID', `${what}: cannot be used: ${cause.message}`, { cause })

/** Reads just enough of a fresh connection to know the protocol, and puts it back. */
function byPreface(socket: Socket, timeoutMs: number, route: (isHttp2: boolean) => void): void {
  // One deadline for all of it: a byte now and then wins no time.
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  socket.once('close', () => clearTimeout(timer))
  let seen = Buffer.alloc(0)
  const onReadable = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const compared = Math.min(seen.length, http2Preface.length)
    const matches = seen.subarray(0, compared).equals(http2Preface.subarray(0, compared))
    if (matches && compared < http2Preface.length) return
    clearTimeout(timer)
    socket.off('readable', onReadable)
    socket.unshift(seen)
    route(matches)
  }
  socket.on('readable', onReadable)
}

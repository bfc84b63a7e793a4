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
}

export type Port = { readonly url: string; close(): Promise<void> }

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n')

// Whoever connects has this long to say what protocol it speaks.
const prefaceTimeoutMs = 10_000

export async function openPort(options: PortOptions): Promise<Port> {
  const http1 = createHttp1({ requestTimeout: 300_000 }, options.handler)
  http1.on('upgrade', options.onUpgrade)
  const http2 = createHttp2({ settings: { maxConcurrentStreams: 1000 } }, options.handler)
  const sessions = new Set<ServerHttp2Session>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })

  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy()) // a peer that went away is no news
  }

  const server: Server = options.tls
    ? createTls(
        { ...options.tls, minVersion: 'TLSv1.3', ALPNProtocols: ['h2', 'http/1.1'] },
        (socket) => {
          track(socket)
          const chosen = socket.alpnProtocol === 'h2' ? http2 : http1
          chosen.emit('connection', socket)
        },
      )
    : createTcp((socket) => {
        track(socket)
        byPreface(socket, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket))
      })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `${options.tls ? 'https' : 'http'}://${options.host}:${port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const session of sessions) session.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Reads just enough of a fresh connection to know the protocol, and puts it back. */
function byPreface(socket: Socket, route: (isHttp2: boolean) => void): void {
  socket.setTimeout(prefaceTimeoutMs, () => socket.destroy())
  let seen = Buffer.alloc(0)
  const onReadable = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const compared = Math.min(seen.length, http2Preface.length)
    const matches = seen.subarray(0, compared).equals(http2Preface.subarray(0, compared))
    if (matches && compared < http2Preface.length) return
    socket.off('readable', onReadable)
    socket.setTimeout(0)
    socket.unshift(seen)
    route(matches)
  }
  socket.on('readable', onReadable)
}

// The least that a worker needs of a mainframe, for tests: one port with the
// door for workers and the download of artifacts, RA-TLS behind the door, and a
// client on each connection. Everything on the wire is real.

import { once } from 'node:events'
import { createServer as createHttp1 } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTls } from 'node:tls'
import { type Client, createClient } from '@connectrpc/connect'
import {
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node'
import { ArtifactService, toConnectError, WorkerService } from '@vorta/api'
import { openChannel } from '@vorta/attestation/ra-tls/channel'
import { createRaTlsKey, issueCertificate, type TlsIdentity } from '@vorta/attestation/ra-tls/issue'
import { fail, systemRandom, toHex } from '@vorta/core'
import { upgradeProtocol } from '../dial.ts'
import type { TestCertificate } from './certificate.ts'

export const joinToken = 'test-join-token'
const sessionToken = 'test-session-token'

/** A worker that joined, as the mainframe sees it. */
export type Peer = {
  readonly workerId: string
  /** The certificate it showed, DER, and the challenge it had to answer. */
  readonly certificate: Uint8Array
  readonly nonce: Uint8Array
  readonly client: Client<typeof WorkerService>
  readonly admit: () => Promise<unknown>
  /** Cuts the connection as a network does: without a word. */
  readonly cut: () => void
  readonly closed: Promise<unknown>
}

export type TestMainframe = Awaited<ReturnType<typeof startMainframe>>

export type TestMainframeOptions = {
  /** Serves TLS where a certificate is given. */
  readonly tls?: TestCertificate
  /** What it shows inside a worker's connection. */
  readonly identity?: TlsIdentity
  /** The JSON of the collateral that it hands out. */
  readonly collateral?: string
  /** What it says once the handshake is done, instead of a welcome. */
  readonly verdict?: string
}

export async function startMainframe(options: TestMainframeOptions = {}) {
  const { tls, identity = plainIdentity(), collateral, verdict } = options
  /** What downloads give, by digest with its prefix; a test may put in what it likes. */
  const artifacts = new Map<string, Uint8Array>()
  const downloads: string[][] = []
  const joined = createInbox<Peer>()
  const refused = createInbox<string>()
  const sockets = new Set<Socket>()
  let acceptedToken = joinToken

  async function welcome(workerId: string, stream: Duplex, nonce: Uint8Array): Promise<void> {
    const signal = AbortSignal.timeout(10_000)
    const { socket, peer } = await openChannel(stream, { ...identity, role: 'server', signal })
    if (verdict !== undefined) {
      socket.end(verdict)
      return
    }
    // HTTP/2 must not take the socket over while this is being written.
    socket.write('{}\n', () => joined.put(peerOf(workerId, socket, peer, nonce)))
  }

  const door = createHttp1((_, response) => {
    response.statusCode = collateral === undefined ? 404 : 200
    response.end(collateral)
  })
  door.on('upgrade', ({ headers }, socket: Duplex, head) => {
    const workerId = String(headers['vorta-worker-id'])
    if (headers.authorization !== `Bearer ${acceptedToken}`) {
      const body = JSON.stringify({ code: 'UNAUTHENTICATED', message: 'wrong join token' })
      socket.end(
        `HTTP/1.1 401 Unauthorized\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      )
      refused.put(workerId)
      return
    }
    socket.unshift(head)
    const nonce = systemRandom(32)
    // Over TLS the next one must not take the socket over while this is being written.
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${upgradeProtocol}\r\nVorta-Nonce: ${toHex(nonce)}\r\n\r\n`,
      () => void welcome(workerId, socket, nonce).catch(() => socket.destroy()),
    )
  })

  const api = createHttp2(
    connectNodeAdapter({
      routes: (router) =>
        router.service(ArtifactService, {
          async *downloadArtifacts({ digests }, { requestHeader }) {
            if (requestHeader.get('Authorization') !== `Bearer ${sessionToken}`) {
              throw toConnectError(fail('UNAUTHENTICATED', 'expected the session token'))
            }
            downloads.push(digests)
            for (const digest of digests) {
              const bytes = artifacts.get(digest)
              if (!bytes) throw toConnectError(fail('ARTIFACT_NOT_FOUND', `no ${digest}`))
              const half = bytes.length >> 1
              yield { digest, offset: 0n, data: bytes.subarray(0, half) }
              yield { digest, offset: BigInt(half), data: bytes.subarray(half), last: true }
            }
          },
        }),
    }),
  )

  const onSocket = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('readable', () => {
      const first: Buffer = socket.read() ?? Buffer.alloc(0)
      socket.unshift(first)
      const server = first.subarray(0, 3).toString() === 'PRI' ? api : door
      server.emit('connection', socket)
    })
  }
  const ALPNProtocols = ['h2', 'http/1.1']
  const port = tls ? createTls({ ...tls, ALPNProtocols }, onSocket) : createTcp(onSocket)
  port.listen(0, '127.0.0.1')
  await once(port, 'listening')

  return {
    endpoint: `${tls ? 'https' : 'http'}://127.0.0.1:${(port.address() as AddressInfo).port}`,
    artifacts,
    downloads,
    /** The next worker that joins. */
    join: joined.take,
    /** The next worker that is turned away. */
    refusal: refused.take,
    accept: (token: string) => {
      acceptedToken = token
    },
    close: () => {
      port.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const plainIdentity = () =>
  issueCertificate({
    key: createRaTlsKey(),
    commonName: 'test mainframe',
    now: Date.now(),
    lifetime: 3_600_000,
  })

function peerOf(
  workerId: string,
  socket: Duplex,
  certificate: Uint8Array,
  nonce: Uint8Array,
): Peer {
  const baseUrl = `http://${workerId}.worker.internal`
  const sessionManager = new Http2SessionManager(baseUrl, {}, { createConnection: () => socket })
  const client = createClient(WorkerService, createGrpcTransport({ baseUrl, sessionManager }))
  return {
    workerId,
    certificate,
    nonce,
    client,
    admit: () => client.admit({ accepted: true, sessionToken }),
    cut: () => void socket.destroy(),
    closed: new Promise((resolve) => socket.once('close', resolve)),
  }
}

/** Things that come, each taken once, by whoever waits or will wait. */
function createInbox<T>() {
  const things: T[] = []
  const takers: ((thing: T) => void)[] = []
  return {
    put: (thing: T): void => {
      const taker = takers.shift()
      if (taker) taker(thing)
      else things.push(thing)
    },
    take: (): Promise<T> => {
      const thing = things.shift()
      return thing ? Promise.resolve(thing) : new Promise((resolve) => takers.push(resolve))
    },
  }
}

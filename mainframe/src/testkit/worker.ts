// A worker's end of a real connection: it dials, and then serves WorkerService
// as a test bids it. Everything on the wire is real.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createServer as createHttp2, performServerHandshake } from 'node:http2'
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ServiceImpl } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { type WorkerService as Service, toConnectError, WorkerService } from '@vorta/api'
import { openChannel } from '@vorta/attestation/ra-tls/channel'
import { createRaTlsKey, issueCertificate } from '@vorta/attestation/ra-tls/issue'
import { hearVerdict } from '@vorta/attestation/ra-tls/verdict'
import { type Canonical, canonicalBytes, fail, fromHex, systemClock } from '@vorta/core'
import { workerPath, workerProtocol } from '../server/upgrade.ts'
import type { TestEnclave } from './enclave.ts'

export type WorkerImpl = Partial<ServiceImpl<typeof Service>>

/** A TCP connection: the end that was accepted, and the end that dialled. */
export async function socketPair(): Promise<[accepted: Socket, dialled: Socket]> {
  const server = createTcp().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dialled = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  server.close()
  for (const socket of [accepted, dialled]) socket.on('error', () => socket.destroy())
  return [accepted, dialled]
}

/** Serves WorkerService on the dialled end; gives the accepted end and ways to misbehave. */
export async function serveWorker(impl: WorkerImpl) {
  const [accepted, dialled] = await socketPair()
  const server = serverOf(impl)
  const session = once(server, 'session')
  server.emit('connection', dialled)
  return {
    socket: accepted,
    /** Ends HTTP/2 and keeps the socket. */
    goAway: async () => (await session)[0].goaway(),
    hangUp: () => dialled.destroy(),
    closed: closedOf(dialled),
  }
}

/** Joins a running mainframe, as a worker does: through the door, and then with the roles reversed. */
export async function joinMainframe(
  url: string,
  joinToken: string,
  impl: WorkerImpl,
  enclave: TestEnclave,
  id = 'w1',
) {
  const { hostname, port } = new URL(url)
  const call = request({
    host: hostname,
    port,
    path: workerPath,
    agent: false,
    headers: {
      connection: 'Upgrade',
      upgrade: workerProtocol,
      authorization: `Bearer ${joinToken}`,
      'vorta-worker-id': id,
    },
  }).end()
  const [{ headers }, socket, head] = (await once(call, 'upgrade')) as [
    IncomingMessage,
    Socket,
    Buffer,
  ]
  socket.on('error', () => socket.destroy())
  if (head.length > 0) socket.unshift(head)
  const nonce = fromHex(String(headers['vorta-nonce'])) ?? new Uint8Array()
  const channel = await openWorkerEnd(socket, nonce, enclave)
  const server = serverOf(impl)
  performServerHandshake(channel)
    .on('stream', (...stream) => server.emit('stream', ...stream))
    .on('error', () => {}) // a reset is an end as well
  return { closed: closedOf(channel) }
}

/** The worker's end of RA-TLS, up to the mainframe's verdict. */
export async function openWorkerEnd(stream: Duplex, nonce: Uint8Array, enclave: TestEnclave) {
  const key = createRaTlsKey()
  const evidence = await enclave.vouch(key.spki, nonce)
  const now = systemClock.now()
  const identity = issueCertificate({ key, commonName: 'w1', evidence, now, lifetime: 60_000 })
  const signal = AbortSignal.timeout(10_000)
  const { socket } = await openChannel(stream, { ...identity, role: 'client', signal })
  await hearVerdict(socket, signal)
  return socket
}

/** However it ends: a reset is an end as well. */
const closedOf = (socket: Socket) =>
  new Promise<void>((resolve) => socket.once('close', () => resolve()))

const serverOf = (impl: WorkerImpl) =>
  createHttp2(connectNodeAdapter({ routes: (router) => router.service(WorkerService, impl) }))

type Report = { generation?: bigint; ready?: boolean; status?: object }

/** An honest worker with an enclave; it reports what `reports` yields and then falls silent. */
export function honestWorker(enclave: TestEnclave, reports: () => AsyncIterable<Report>) {
  const calls = { attest: 0, admitted: [] as string[] }
  let generation = 0n
  const impl: WorkerImpl = {
    describe: () => ({
      workerId: 'w1',
      version: '1.2.3',
      tee: {
        kind: 'simulated',
        quotes: true,
        epcBytes: 1n << 30n,
        proofs: [{ system: 'groth16', curves: ['bn254'], engine: 'test', proofsPerSecond: 9 }],
      },
    }),
    attest: async ({ nonce }) => {
      calls.attest++
      const { claims, quote } = await enclave.attest(nonce)
      return {
        claims: canonicalBytes(claims as Canonical),
        quote,
        tee: 'simulated',
        enclaveGeneration: generation,
      }
    },
    admit: ({ accepted, code, sessionToken }) => {
      calls.admitted.push(accepted ? sessionToken : code)
      return {}
    },
    async *watchStatus() {
      for await (const report of reports()) {
        generation = report.generation ?? generation
        yield {
          enclaveReady: report.ready ?? true,
          enclaveGeneration: generation,
          usage: { memoryBytes: 100n, memoryFreeBytes: 50n, slots: 4, cpu: 0.5 },
          ...report.status,
        }
      }
    },
    // biome-ignore lint/correctness/useYield: it refuses before it would
    async *execute() {
      throw toConnectError(fail('ENCLAVE_LOST', 'no enclave is up'))
    },
    abort: () => ({}),
  }
  return { calls, impl }
}

/** Reports that a test gives one by one. */
export function reportFeed() {
  const waiting: Report[] = []
  let wake = () => {}
  let ended = false
  return {
    push: (report: Report = {}) => {
      waiting.push(report)
      wake()
    },
    end: () => {
      ended = true
      wake()
    },
    async *read(): AsyncGenerator<Report> {
      while (!ended) {
        const report = waiting.shift()
        if (report) yield report
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}

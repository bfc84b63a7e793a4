// Somebody between a worker and its mainframe, who ends what the two have for an
// outer connection. He passes everything on, or poses as each to the other: with
// a key of his own, and with the quote that the real one showed him.

import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { after } from 'node:test'
import { parseRaTlsCertificate } from '@vorta/attestation/ra-tls/certificate'
import { openChannel } from '@vorta/attestation/ra-tls/channel'
import { createRaTlsKey, issueCertificate, type TlsIdentity } from '@vorta/attestation/ra-tls/issue'

export type MiddleOptions = {
  /** The mainframe. */
  readonly url: string
  /** Passes bytes on, or opens both ends of RA-TLS himself. */
  readonly attack: boolean
  /** What he hands out as the mainframe's collateral, instead of passing the question on. */
  readonly collateral?: string
}

export type Middle = {
  readonly url: string
  /** All that was passed on, of both directions. */
  readonly seen: () => Buffer
}

export async function startMiddle({ url, attack, collateral }: MiddleOptions): Promise<Middle> {
  const seen: Buffer[] = []
  const open = new Set<Duplex>()
  const keep = (socket: Duplex): Duplex => {
    open.add(socket)
    return socket.on('error', () => socket.destroy()).once('close', () => open.delete(socket))
  }

  const server = createServer((asked, answer) => {
    if (collateral !== undefined && asked.url === '/attestation/collateral') {
      answer.end(collateral)
      return
    }
    const passed = request(new URL(asked.url ?? '/', url), { headers: asked.headers })
    passed.on('response', (given) => given.pipe(answer.writeHead(given.statusCode ?? 502)))
    passed.on('error', () => answer.destroy()).end()
  })
  server.on('upgrade', (asked: IncomingMessage, worker: Duplex) => {
    keep(worker)
    serve(asked, worker).catch(() => worker.destroy()) // whoever was fooled not
  })

  /** The mainframe's end of one more connection that the worker's request opens. */
  async function dial({ url: path = '/', headers }: IncomingMessage) {
    const passed = request(new URL(path, url), { headers, agent: false }).end()
    const [given, mainframe] = (await once(passed, 'upgrade')) as [IncomingMessage, Duplex]
    return { mainframe: keep(mainframe), nonce: given.headers['vorta-nonce'] }
  }

  async function serve(asked: IncomingMessage, worker: Duplex): Promise<void> {
    const signal = AbortSignal.timeout(10_000)
    const stolen = attack ? await shownBy((await dial(asked)).mainframe, signal) : undefined
    const { mainframe, nonce } = await dial(asked)
    worker.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: vorta-worker/1\r\nVorta-Nonce: ${nonce}\r\n\r\n`,
    )
    if (!stolen) {
      for (const [from, to] of [
        [worker, mainframe],
        [mainframe, worker],
      ] as const) {
        from.on('data', (data) => seen.push(data)).pipe(to)
      }
      return
    }
    const left = await openChannel(worker, { ...posingAs(stolen), role: 'server', signal })
    const right = await openChannel(mainframe, { ...posingAs(left.peer), role: 'client', signal })
    left.socket.pipe(right.socket).pipe(left.socket)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, seen: () => Buffer.concat(seen) }
}

/** The certificate that the mainframe shows to anybody who has the join token. */
async function shownBy(mainframe: Duplex, signal: AbortSignal): Promise<Uint8Array> {
  const identity = issueCertificate({ ...himself(), key: createRaTlsKey() })
  const { socket, peer } = await openChannel(mainframe, { ...identity, role: 'client', signal })
  socket.destroy()
  return peer
}

/** A certificate with the quote of another one, for a key that he has. */
function posingAs(certificate: Uint8Array): TlsIdentity {
  const { evidence } = parseRaTlsCertificate(certificate)
  if (evidence?.form === 'legacy') throw new Error('expected tagged evidence')
  return issueCertificate({ ...himself(), key: createRaTlsKey(), ...(evidence && { evidence }) })
}

const himself = () => ({ commonName: 'man in the middle', now: Date.now(), lifetime: 3_600_000 })

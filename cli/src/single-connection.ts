// One connection to a mainframe that nothing is known of yet. Its TLS
// certificate is not judged: what it proves of itself has to name the key of this
// very connection. No token is sent on it.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Transport } from '@connectrpc/connect'
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { fail } from '@vorta/core'

export type SingleConnection = {
  readonly transport: Transport
  /** SHA-256 of the server's TLS key (DER SubjectPublicKeyInfo), in hex; absent without TLS. */
  readonly tls?: string
  readonly close: () => void
}

const timeoutMs = 30_000
/** Evidence is the largest answer, and whoever gives it may be anybody. */
const maxAnswerBytes = 8 * 1024 * 1024

/** Throws UNAVAILABLE. */
export async function connectOnce(endpoint: string): Promise<SingleConnection> {
  const { protocol, hostname, port, host } = new URL(endpoint)
  const name = hostname.replace(/^\[|\]$/g, '')
  const isTls = protocol === 'https:'
  const address = { host: name, port: Number(port || (isTls ? 443 : 80)) }
  const socket = isTls ? openTls(address) : connectTcp(address)
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    await once(socket, isTls ? 'secureConnect' : 'connect', { signal })
  } catch (cause) {
    socket.destroy()
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw fail('UNAVAILABLE', `cannot reach the mainframe at ${host}: ${reason}`, { cause })
  }
  const tls = 'getPeerX509Certificate' in socket ? keyHashOf(socket) : undefined
  const sessionManager = new Http2SessionManager(endpoint, {}, { createConnection: only(socket) })
  const transport = createConnectTransport({
    baseUrl: endpoint,
    httpVersion: '2',
    sessionManager,
    defaultTimeoutMs: timeoutMs,
    readMaxBytes: maxAnswerBytes,
  })
  const close = () => {
    sessionManager.abort()
    socket.destroy()
  }
  return { transport, close, ...(tls !== undefined && { tls }) }
}

function openTls({ host, port }: { readonly host: string; readonly port: number }): TLSSocket {
  return connectTls({
    host,
    port,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false, // the evidence is to say whose key this is
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
  })
}

function keyHashOf(socket: TLSSocket): string {
  const key = socket.getPeerX509Certificate()?.publicKey
  if (!key) throw fail('UNAVAILABLE', 'the mainframe shows no certificate')
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/** What is verified is this connection; a second one may lead to somebody else. */
function only(socket: Socket): () => Socket {
  let used = false
  return () => {
    if (used) throw fail('UNAVAILABLE', 'the mainframe ended the connection')
    used = true
    return socket
  }
}

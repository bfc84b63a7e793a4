// Mutual TLS 1.3 inside a connection that is already open, whatever that runs
// over: plain TCP, or TLS that ends at some proxy. Node only. Each end learns the
// certificate that the other proved to hold the key of, and must verify it itself
// before it reads or writes anything: TLS alone accepts every certificate here.

import type { Duplex } from 'node:stream'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { type Bytes, own } from '@vorta/core'
import { refuse } from '../errors.ts'
import type { TlsIdentity } from './issue.ts'

export type ChannelOptions = TlsIdentity & {
  readonly role: 'client' | 'server'
  /** Also ends a handshake that takes too long. */
  readonly signal: AbortSignal
}

export type Channel = {
  readonly socket: TLSSocket
  /** The peer's certificate, DER. */
  readonly peer: Bytes
}

/**
 * Takes over `stream`, and destroys it where the handshake fails. Throws
 * VerificationError RATLS_HANDSHAKE or RATLS_NO_CERTIFICATE.
 */
export async function openChannel(stream: Duplex, options: ChannelOptions): Promise<Channel> {
  const { signal } = options
  const abort = () => stream.destroy()
  signal.addEventListener('abort', abort)
  stream.on('error', abort) // stays: whatever comes later ends the stream, not the process
  try {
    if (signal.aborted) throw failed('it was given up')
    // Nothing would ever be heard of it again.
    if (stream.destroyed) throw failed('the other side ended the connection')
    const socket = await handshake(stream, options)
    socket.on('error', abort)
    // This object is about the outer certificate; never make one from DER, see certificate.ts.
    const peer = socket.getPeerX509Certificate()?.raw
    // A resumed session proves the key of an earlier handshake, not of this one.
    if (!peer || socket.isSessionReused()) {
      throw refuse('RATLS_NO_CERTIFICATE', 'RA-TLS: the other side showed no certificate')
    }
    return { socket, peer: own(peer) }
  } catch (thrown) {
    stream.destroy()
    throw thrown
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function handshake(stream: Duplex, { role, cert, key }: ChannelOptions): Promise<TLSSocket> {
  const tls = { cert, key, minVersion: 'TLSv1.3', rejectUnauthorized: false } as const
  return new Promise((resolve, reject) => {
    const lost = (cause?: Error) =>
      reject(failed(cause?.message ?? 'the other side ended the connection'))
    stream.once('close', () => lost())
    if (role === 'client') {
      const socket = connect({ ...tls, socket: stream })
      socket.once('secureConnect', () => resolve(socket)).on('error', lost)
    } else {
      // A server that never listens: it is handed this one connection.
      createServer({ ...tls, requestCert: true })
        .once('secureConnection', resolve)
        .on('tlsClientError', lost)
        .emit('connection', stream)
    }
  })
}

const failed = (why: string) => refuse('RATLS_HANDSHAKE', `RA-TLS: the handshake failed: ${why}`)

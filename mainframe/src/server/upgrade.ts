// The door for workers: an HTTP/1.1 upgrade that carries the join token. What is
// behind it is RA-TLS (worker-channel.ts), and then the roles turn round: the
// worker serves, the mainframe calls.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Code, fail, idPattern, systemRandom, toHex, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { Metrics } from '../metrics.ts'
import type { Tokens } from './tokens.ts'

export const workerPath = '/vorta.v1/worker'
export const workerProtocol = 'vorta-worker/1'

export type UpgradeDeps = {
  readonly tokens: Tokens
  readonly metrics: Metrics
  readonly log: Logger
  /** Takes the connection over; the worker has to answer this challenge. */
  readonly join: (workerId: string, socket: Duplex, nonce: Uint8Array) => void
}

/** Header of the answer: 32 bytes in hex. */
export const nonceHeader = 'Vorta-Nonce'

const statusOf: Partial<Record<Code, string>> = { UNAUTHENTICATED: '401 Unauthorized' }

export function acceptWorkers({ tokens, metrics, log, join }: UpgradeDeps) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy()) // a peer that went away is no news
    try {
      const workerId = admit(request, tokens)
      if (head.length > 0) socket.unshift(head)
      // TLS takes over the socket's handle, so the answer has to be out before.
      const nonce = systemRandom(32)
      const switching = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${workerProtocol}\r\n${nonceHeader}: ${toHex(nonce)}\r\n\r\n`
      socket.write(switching, (error) => {
        if (!error && !socket.destroyed) join(workerId, socket, nonce)
      })
    } catch (thrown) {
      const { code, message } = VortaError.from(thrown)
      metrics.joinsRefused.inc({ code })
      log.warn({ code, from: request.socket.remoteAddress }, 'worker refused at the door')
      const body = JSON.stringify({ code, message })
      const answer =
        `HTTP/1.1 ${statusOf[code as Code] ?? '400 Bad Request'}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
      // The other side may never close; it is not waited for.
      socket.end(answer, () => socket.destroy())
    }
  }
}

/** The worker's id, for one who knows the join token and speaks the protocol. */
function admit({ url, headers }: IncomingMessage, tokens: Tokens): string {
  if (url !== workerPath || headers.upgrade !== workerProtocol) {
    throw fail('INVALID_ARGUMENT', `expected an upgrade of ${workerPath} to ${workerProtocol}`)
  }
  if (!tokens.isJoinToken(headers.authorization)) {
    throw fail('UNAUTHENTICATED', 'expected the join token of this cluster')
  }
  const workerId = headers['vorta-worker-id']
  if (typeof workerId !== 'string' || !idPattern.test(workerId)) {
    throw fail('INVALID_ARGUMENT', 'expected a worker id that is a DNS label')
  }
  return workerId
}

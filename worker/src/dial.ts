// One attempt to join: an HTTP/1.1 request that asks to turn the connection
// into a worker's. What comes back is the raw socket and the challenge to answer
// on it (channel.ts), or why there is none.

import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import {
  type Bytes,
  fail,
  fromHex,
  fromUtf8,
  type JsonObject,
  parseJson,
  VortaError,
} from '@vorta/core'

export const upgradeProtocol = 'vorta-worker/1'
const upgradePath = '/vorta.v1/worker'
const handshakeMs = 10_000
/** A refusal is a short JSON object. */
const maxRefusalBytes = 16 * 1024

export type DialOptions = {
  readonly endpoint: string
  readonly ca: string | undefined
  readonly workerId: string
  readonly joinToken: string
  readonly signal: AbortSignal
}

export type Dialled = {
  readonly socket: Duplex
  /** The mainframe's challenge to this worker's enclave, 32 bytes. */
  readonly nonce: Bytes
}

/** Throws UNAVAILABLE, JOIN_REFUSED, or the code the mainframe refuses with. */
export function dial(options: DialOptions): Promise<Dialled> {
  const url = new URL(upgradePath, options.endpoint)
  const common = {
    agent: false,
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(handshakeMs)]),
    headers: {
      Connection: 'Upgrade',
      Upgrade: upgradeProtocol,
      Authorization: `Bearer ${options.joinToken}`,
      'Vorta-Worker-Id': options.workerId,
    },
  }
  const ca = options.ca === undefined ? {} : { ca: options.ca }
  const request =
    url.protocol === 'https:' ? secureRequest(url, { ...common, ...ca }) : plainRequest(url, common)
  return new Promise((resolve, reject) => {
    request.once('upgrade', (response, socket, head) => {
      // HTTP looks after it no more, and a reset must not end the process.
      socket.on('error', () => socket.destroy())
      const nonce = fromHex(String(response.headers['vorta-nonce']))
      if (response.headers.upgrade !== upgradeProtocol || nonce?.length !== 32) {
        socket.destroy()
        reject(notAMainframe(`the connection became "${response.headers.upgrade}"`))
        return
      }
      if (head.length > 0) socket.unshift(head)
      resolve({ socket, nonce })
    })
    request.once('response', (response) => refusal(response).then(reject, reject))
    request.once('error', (cause) => {
      const text = `mainframe at ${options.endpoint} cannot be reached: ${cause.message}`
      const hints = ['start the mainframe, or correct mainframe.endpoint']
      reject(fail('UNAVAILABLE', text, { cause, hints }))
    })
    request.end()
  })
}

async function refusal(response: IncomingMessage): Promise<VortaError> {
  let body = new Uint8Array()
  for await (const chunk of response) {
    body = Buffer.concat([body, chunk])
    if (body.length > maxRefusalBytes) break
  }
  const { code, message, hints } = told(body)
  if (typeof code !== 'string' || typeof message !== 'string') {
    return notAMainframe(`it answered ${response.statusCode}`)
  }
  const given = Array.isArray(hints) ? hints.filter((hint) => typeof hint === 'string') : []
  return new VortaError(code, message, { hints: given, meta: { status: response.statusCode ?? 0 } })
}

function told(body: Uint8Array): JsonObject {
  try {
    const value = parseJson(fromUtf8(body) ?? '', { maxBytes: maxRefusalBytes })
    return typeof value === 'object' && !Array.isArray(value) ? ((value ?? {}) as JsonObject) : {}
  } catch {
    return {} // whoever that was, it was no mainframe
  }
}

const notAMainframe = (what: string): VortaError =>
  fail('JOIN_REFUSED', `join: expected a mainframe that takes workers, but ${what}`, {
    hints: ['check mainframe.endpoint'],
  })

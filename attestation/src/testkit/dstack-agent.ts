// A stand-in for the guest agent of a dstack confidential VM: a real HTTP server,
// on a unix socket or an address, that answers what the agent answers. Its guest
// is SIMULATED, and so is everything that it hands out.

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fromHex, parseJson, VortaError } from '@vorta/core'
import { array, boolean, decode, object, string, withDefault } from '@vorta/core/decode'
import { createGuest, type Guest, type GuestOptions } from './dstack-guest.ts'
import { deriveKey, issueTlsKey } from './dstack-keys.ts'

export type DstackStandIn = {
  /** Path of the socket, or the address with its port. */
  readonly endpoint: string
  readonly guest: Guest
  readonly close: () => Promise<void>
}

export type StandInOptions = GuestOptions & {
  /** Path of the socket to make; without it, a free port on this machine. */
  readonly socket?: string
}

export async function startDstackAgent(options: StandInOptions): Promise<DstackStandIn> {
  const guest = createGuest(options)
  const methods = methodsOf(guest, options)
  const server = createServer((request, response) => {
    void answer(methods, request).then(({ status, body }) => {
      // The SDK reads a socket by Content-Length, and counts characters.
      const text = JSON.stringify(body).replace(/[^\0-\x7f]/g, '?')
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': text.length,
      })
      response.end(text)
    })
  })
  const { socket } = options
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (socket === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(socket, resolve)
  })
  const endpoint = socket ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return { endpoint, guest, close }
}

type Method = (params: unknown) => object

function methodsOf(
  guest: Guest,
  { appCompose, now }: GuestOptions,
): Readonly<Record<string, Method>> {
  const { identity, mrtd } = guest
  const vm_config = JSON.stringify({ spec_version: 1, os_image_hash: identity.osImageHash })
  return {
    GetQuote: (params) => {
      const { report_data } = read(quoteParams, params)
      const reportData = new Uint8Array(64)
      reportData.set(fromHex(report_data)!)
      const { quote, eventLog } = guest.quote(reportData)
      return {
        quote: Buffer.from(quote).toString('hex'),
        event_log: eventLog,
        report_data: Buffer.from(reportData).toString('hex'),
        vm_config,
      }
    },
    EmitEvent: (params) => {
      const { event, payload } = read(eventParams, params)
      guest.emit(event, fromHex(payload)!)
      return {}
    },
    GetKey: (params) => deriveKey(guest, read(keyParams, params)),
    GetTlsKey: (params) => {
      const { subject, alt_names, usage_ra_tls } = read(tlsParams, params)
      return issueTlsKey(guest, { subject, altNames: alt_names, raTls: usage_ra_tls, now })
    },
    Info: () => {
      const [rtmr0, rtmr1, rtmr2, rtmr3] = guest.registers()
      const app_compose = new TextDecoder().decode(appCompose)
      const tcb_info = {
        ...{ mrtd, rtmr0, rtmr1, rtmr2, rtmr3 },
        os_image_hash: identity.osImageHash,
        compose_hash: identity.composeHash,
        app_compose,
        event_log: guest.log,
      }
      return {
        app_id: identity.appId,
        instance_id: identity.instanceId,
        app_name: 'SIMULATED',
        app_cert: '',
        tcb_info: JSON.stringify(tcb_info),
        os_image_hash: identity.osImageHash,
        compose_hash: identity.composeHash,
        key_provider_info: identity.keyProvider,
        vm_config,
      }
    },
    Version: () => ({ version: '0.5.8', rev: 'SIMULATED' }),
  }
}

const hex = (maxBytes: number) =>
  string({ max: 2 * maxBytes, pattern: /^(?:[0-9a-f]{2})*$/, what: 'bytes in hex' })
const text = withDefault(string({ max: 1024 }), '')
const flag = withDefault(boolean, false)

const quoteParams = object({ report_data: hex(64) })
const eventParams = object({ event: string({ min: 1, max: 1024 }), payload: hex(8192) })
const keyParams = object({ path: text, purpose: text, algorithm: text })
const tlsParams = object({
  subject: text,
  alt_names: withDefault(array(string({ max: 256 }), 64), []),
  usage_ra_tls: flag,
  usage_server_auth: flag,
  usage_client_auth: flag,
})

const read = <T>(decoder: (value: unknown) => T, params: unknown): T =>
  decode(decoder, params, (fault) => new VortaError('INVALID_ARGUMENT', fault))

const maxRequest = 64 * 1024

async function answer(
  methods: Readonly<Record<string, Method>>,
  request: IncomingMessage,
): Promise<{ readonly status: number; readonly body: object }> {
  try {
    let body = ''
    for await (const part of request) {
      body += part
      if (body.length > maxRequest) throw new Error('request too large')
    }
    const name = (request.url ?? '').slice(1)
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined
    if (request.method !== 'POST' || !method) {
      return { status: 404, body: { error: 'no such method' } }
    }
    return { status: 200, body: method(parseJson(body, { maxBytes: maxRequest })) }
  } catch (thrown) {
    return { status: 400, body: { error: (thrown as Error).message } }
  }
}

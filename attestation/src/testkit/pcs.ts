// A stand-in for Intel's PCS and for a PCCS: a real HTTP server on this machine
// that hands out whatever collateral it is given, with all the faults that real
// ones have, to be turned on one by one.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fromHex, toBase64, utf8 } from '@vorta/core'
import type { Collateral } from '../collateral.ts'
import {
  answerFrom,
  type PccsAnswer,
  readWanted,
  type Wanted,
} from '../collateral-service/pccs-answers.ts'
import type { HardwareTee } from '../collateral-service/pcs-client.ts'

export type PcsKnobs = {
  /** What it has; undefined answers 404. */
  collateral: (wanted: Wanted) => Collateral | undefined
  /** Answers of `tcbevaluationdatanumbers`: the signed body and its chain. */
  evaluationNumbers: (
    tee: HardwareTee,
  ) => { readonly body: string; readonly chain: string } | undefined
  /** PEM of a platform's certificate and of its chain, for `pckcert`. */
  pckCertificate: (query: URLSearchParams) => readonly [leaf: string, chain: string] | undefined
  /** Answers all requests with this status instead. */
  status: number
  retryAfter: string
  location: string
  /** What becomes of the body: replaced, or kept back for ever. */
  body: 'sent' | 'garbage' | 'endless' | 'never' | 'cut'
  delayMs: number
  /** Header names of version 3 of the API. */
  oldHeaders: boolean
  crlEncoding: 'der' | 'hex' | 'pem'
}

export type StandInPcs = {
  readonly url: string
  readonly knobs: PcsKnobs
  /** Paths asked for, with their queries. */
  readonly requests: string[]
  close(): Promise<void>
}

/** Without a certificate it speaks plain HTTP. Port 0 picks a free one. */
export async function startPcs(
  knobs: Partial<PcsKnobs> = {},
  tls?: { readonly key: string; readonly cert: string },
  port = 0,
): Promise<StandInPcs> {
  const requests: string[] = []
  const current: PcsKnobs = {
    collateral: () => undefined,
    evaluationNumbers: () => undefined,
    pckCertificate: () => undefined,
    status: 200,
    retryAfter: '',
    location: '',
    body: 'sent',
    delayMs: 0,
    oldHeaders: false,
    crlEncoding: 'der',
    ...knobs,
  }
  const handler = (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request.url ?? '')
    if (current.delayMs === 0) respond(request.url ?? '', response, current)
    else setTimeout(() => respond(request.url ?? '', response, current), current.delayMs).unref()
  }
  const server = tls ? createTlsServer(tls, handler) : createServer(handler)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${bound}`,
    knobs: current,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function respond(target: string, response: ServerResponse, knobs: PcsKnobs): void {
  const answer = answerOf(target, knobs)
  if (knobs.retryAfter) response.setHeader('retry-after', knobs.retryAfter)
  if (knobs.location) response.setHeader('location', knobs.location)
  response.statusCode = knobs.status !== 200 ? knobs.status : answer ? 200 : 404
  if (response.statusCode !== 200 || !answer) {
    response.end('no')
    return
  }
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  switch (knobs.body) {
    case 'sent':
      response.end(answer.body)
      break
    case 'garbage':
      response.end('<html>captive portal</html>')
      break
    case 'never':
      response.flushHeaders()
      break
    case 'cut':
      response.setHeader('content-length', answer.body.length)
      response.write(answer.body.subarray(0, answer.body.length / 2), () => response.destroy())
      break
    case 'endless':
      endless(response)
  }
}

function endless(response: ServerResponse): void {
  const part = Buffer.alloc(64 * 1024, ' ')
  const more = () => {
    while (!response.destroyed && response.write(part));
  }
  response.on('drain', more)
  more()
}

function answerOf(target: string, knobs: PcsKnobs): PccsAnswer | undefined {
  const wanted = readWanted(target)
  if (!wanted) return otherAnswer(new URL(target, 'http://pcs.invalid'), knobs)
  const collateral = knobs.collateral(wanted)
  if (!collateral) return undefined
  const { headers, body } = answerFrom(collateral, wanted)
  const isCrl = wanted.document === 'pckcrl' || wanted.document === 'rootcacrl'
  return {
    headers: knobs.oldHeaders ? oldNames(headers) : headers,
    body: isCrl ? crlBody(collateral, wanted, knobs) : body,
  }
}

function otherAnswer(url: URL, knobs: PcsKnobs): PccsAnswer | undefined {
  const [, tee, document] = /^\/(sgx|tdx)\/certification\/v4\/([a-z]+)$/.exec(url.pathname) ?? []
  if (document === 'tcbevaluationdatanumbers') {
    const found = knobs.evaluationNumbers(tee as HardwareTee)
    const header = 'tcb-evaluation-data-numbers-issuer-chain'
    return (
      found && { headers: { [header]: encodeURIComponent(found.chain) }, body: utf8(found.body) }
    )
  }
  if (document === 'pckcert') {
    const [leaf, chain] = knobs.pckCertificate(url.searchParams) ?? []
    const header = 'sgx-pck-certificate-issuer-chain'
    return leaf && chain
      ? { headers: { [header]: encodeURIComponent(chain) }, body: utf8(leaf) }
      : undefined
  }
  return undefined
}

const oldNames = (headers: PccsAnswer['headers']) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.replace(/^tcb-info/, 'sgx-tcb-info'),
      value,
    ]),
  )

function crlBody(collateral: Collateral, { document }: Wanted, { crlEncoding }: PcsKnobs) {
  const hex = document === 'pckcrl' ? collateral.pck_crl : collateral.root_ca_crl
  const der = fromHex(hex)!
  if (crlEncoding === 'der') return der
  if (crlEncoding === 'hex') return utf8(hex.toUpperCase())
  const lines = (toBase64(der).match(/.{1,64}/g) ?? []).join('\n')
  return utf8(`-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`)
}

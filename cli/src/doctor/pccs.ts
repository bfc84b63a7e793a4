// Asks the PCCS, as the quote provider library would: is it there, is its TLS
// certificate trusted, does it have this platform's PCK certificate?

import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { getCACertificates, TLSSocket } from 'node:tls'
import { absent, fails, ok, type Result, shownAddress, warn } from './finding.ts'
import type { QcnlConfig } from './qcnl.ts'

const timeoutMs = 5_000

type Answer = {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Why the TLS certificate is not trusted; undefined where it is, and without TLS. */
  readonly untrusted: string | undefined
}

/** The certificate is judged afterwards, so that one request tells everything. */
function ask(url: URL): Promise<Answer> {
  const get = url.protocol === 'https:' ? httpsGet : httpGet
  // The library trusts what the system trusts, and that may be a CA of one's own.
  const ca = [...getCACertificates('default'), ...getCACertificates('system')]
  return new Promise((resolve, reject) => {
    // For the whole answer: one that comes byte by byte would never be silent.
    const signal = AbortSignal.timeout(timeoutMs)
    const options = { agent: false, ca, rejectUnauthorized: false, signal }
    const request = get(url, options, (response) => {
      const { socket } = response
      const untrusted =
        socket instanceof TLSSocket && !socket.authorized
          ? String(socket.authorizationError)
          : undefined
      response.destroy()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, untrusted })
    })
    request.on('error', (cause) =>
      reject(signal.aborted ? new Error(`no answer in ${timeoutMs} ms`, { cause }) : cause),
    )
    // The only event where the server switches protocols.
    request.once('close', () => reject(new Error('the connection ended without an answer')))
  })
}

/** What was found, and the time the service has, in milliseconds; NaN where it says none. */
export type PccsFinding = { readonly result: Result; readonly time: number }

export const pccsUnasked: PccsFinding = {
  result: absent('PCCS_UNASKED', 'no configuration that names one'),
  time: Number.NaN,
}

export async function pccs({ pccsUrl, useSecureCert }: QcnlConfig): Promise<PccsFinding> {
  try {
    // Every PCCS has it, and Intel's own service too; no platform is named.
    const answer = await ask(new URL('pckcrl?ca=platform&encoding=der', pccsUrl))
    const time = Date.parse(answer.headers.date ?? '')
    return { result: judge(answer, pccsUrl, useSecureCert), time }
  } catch (thrown) {
    return { result: unreachable(pccsUrl, thrown), time: Number.NaN }
  }
}

function unreachable(url: URL, thrown: unknown): Result {
  const { code, message } = thrown as NodeJS.ErrnoException
  return fails('PCCS_UNREACHABLE', `${shownAddress(url.href)}: ${code ?? message}`)
}

function judge({ status, headers, untrusted }: Answer, at: URL, secure: boolean): Result {
  const url = shownAddress(at.href)
  if (secure && untrusted !== undefined) {
    return fails('PCCS_TLS_UNTRUSTED', `${url}: ${untrusted}`)
  }
  const chain = headers['sgx-pck-crl-issuer-chain']
  if (status !== 200 || chain === undefined) {
    return fails('PCCS_FAULT', `${url}: status ${status}${chain ? '' : ', no issuer chain'}`)
  }
  if (untrusted !== undefined) return warn('PCCS_TLS_UNCHECKED', `${url}: ${untrusted}`)
  const version = /\/(v\d+)\/$/.exec(at.pathname)?.[1] ?? 'of unknown version'
  return ok(`${url} answers, API ${version}`)
}

// Encrypted PPID, PCE id, CPUSVN, PCESVN, QE id; a platform manifest may follow.
const platformLine =
  /^([0-9a-f]{768}),([0-9a-f]{4}),([0-9a-f]{32}),([0-9a-f]{4}),([0-9a-f]{32})(?:,[0-9a-f]*)?\s*$/i

/** Asks for the PCK certificate of a platform; `csv` is what PCKIDRetrievalTool wrote. */
export async function platform({ pccsUrl }: QcnlConfig, csv: string): Promise<Result> {
  const found = platformLine.exec(csv)
  if (!found) return fails('PLATFORM_FILE_INVALID', 'not a line of PCKIDRetrievalTool')
  const [, encryptedPpid, pceid, cpusvn, pcesvn, qeid] = found
  const url = new URL('pckcert', pccsUrl)
  const asked = { qeid, encrypted_ppid: encryptedPpid, cpusvn, pcesvn, pceid }
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value!)
  try {
    const { status, headers } = await ask(url)
    const fmspc = headers['sgx-fmspc']
    if (status === 200) return ok(`registered${fmspc ? `, FMSPC ${fmspc}` : ''}`)
    if (status === 404 || status === 461) return fails('PLATFORM_UNKNOWN', `status ${status}`)
    if (status === 462) return fails('PLATFORM_NO_CERTIFICATE', `status ${status}`)
    return fails('PCCS_FAULT', `${shownAddress(pccsUrl.href)}pckcert: status ${status}`)
  } catch (thrown) {
    return unreachable(pccsUrl, thrown)
  }
}

export const platformUnasked: Result = absent(
  'PLATFORM_UNASKED',
  'not asked for: no platform file was given',
)

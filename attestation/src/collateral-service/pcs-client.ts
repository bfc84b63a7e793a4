// Client of one Intel Provisioning Certification Service (PCS) or one PCCS, its
// cache: the GET requests of the PCS API, versions 3 and 4. URLs come from the
// configuration only, never from evidence or certificates.

import { fail, toHex } from '@vorta/core'
import type { PckCa } from '../pck-chain.ts'
import { readChain, readCrl, readSigned, type SignedDocument } from './documents.ts'
import { type HttpAnswer, httpGet } from './http.ts'

export type HardwareTee = 'sgx' | 'tdx'

/**
 * Which edition of TCB info and QE identity: what Intel demands already, what it will demand,
 * or the evaluation with exactly this number.
 */
export type Update = 'standard' | 'early' | number

export type EndpointOptions = {
  /** Such as `https://api.trustedservices.intel.com` or `https://pccs.example.org:8081`. */
  readonly url: string
  /** Where the root CRL is, if not at the endpoint's own place. */
  readonly rootCrl?: string
  /** PEM of the CAs of a PCCS with a certificate of its own. */
  readonly ca?: string
  /** For one request; the default is 10 s. */
  readonly timeoutMs?: number
}

/** What identifies a platform whose quote does not carry its certificate; bytes in hex. */
export type PlatformId = {
  readonly encryptedPpid: string
  readonly cpuSvn: string
  /** Little-endian, as in quotes. */
  readonly pceSvn: string
  readonly pceId: string
  readonly qeId: string
}

export type PcsClient = {
  /** Host and port, for logs and metrics. */
  readonly name: string
  tcbInfo(tee: HardwareTee, fmspc: string, update: Update): Promise<SignedDocument>
  qeIdentity(tee: HardwareTee, update: Update): Promise<SignedDocument>
  evaluationNumbers(tee: HardwareTee): Promise<SignedDocument>
  /** `crl` as lower-case hex of the DER. */
  pckCrl(ca: PckCa): Promise<{ readonly crl: string; readonly chain: string }>
  rootCrl(): Promise<string>
  /** The platform's certificate and its chain in PEM. */
  pckChain(platform: PlatformId): Promise<string>
}

const intelHost = 'api.trustedservices.intel.com'
const intelRootCrl = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'

// Documents have at most 512 KiB; a CRL of 1 MiB has 2 MiB as hex.
const maxDocumentBytes = 513 * 1024
const maxCrlBytes = 2 * 1024 * 1024 + 1024

// Longer than any sensible advice; what asks for more is asked again after this.
const longestRetryAfterMs = 3_600_000

/** Throws CONFIG_INVALID for an unusable address. */
export function createPcsClient(options: EndpointOptions): PcsClient {
  const { base, version } = readBase(options.url)
  const isIntel = base.host === intelHost
  const limits = {
    timeoutMs: options.timeoutMs ?? 10_000,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  }

  const path = (tee: HardwareTee, rest: string, query: Readonly<Record<string, string>> = {}) => {
    const url = new URL(`${base.href}${tee}/certification/v${version}/${rest}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return url
  }

  const rootCrlUrl = options.rootCrl
    ? requireUsable(options.rootCrl)
    : isIntel
      ? new URL(intelRootCrl)
      : path('sgx', 'rootcacrl')

  async function ask(url: URL, maxBytes: number): Promise<HttpAnswer> {
    const answer = await httpGet(url, { ...limits, maxBytes })
    if (answer.status === 200) return answer
    throw refusedBy(url, answer)
  }

  async function signed(url: URL, member: string, header: string): Promise<SignedDocument> {
    const { headers, body } = await ask(url, maxDocumentBytes)
    // Version 3 of the API says SGX-TCB-Info-Issuer-Chain, version 4 drops the prefix.
    const chain = readChain(headers[header] ?? headers[`sgx-${header}`], header)
    return { ...readSigned(body, member), chain }
  }

  return {
    name: base.host,
    tcbInfo: (tee, fmspc, update) =>
      signed(path(tee, 'tcb', { fmspc, ...edition(update) }), 'tcbInfo', 'tcb-info-issuer-chain'),
    qeIdentity: (tee, update) =>
      signed(
        path(tee, 'qe/identity', edition(update)),
        'enclaveIdentity',
        'enclave-identity-issuer-chain',
      ),
    evaluationNumbers: (tee) =>
      signed(
        path(tee, 'tcbevaluationdatanumbers'),
        'tcbEvaluationDataNumbers',
        'tcb-evaluation-data-numbers-issuer-chain',
      ),
    pckCrl: async (ca) => {
      const { headers, body } = await ask(
        path('sgx', 'pckcrl', { ca, encoding: 'der' }),
        maxCrlBytes,
      )
      const chain = readChain(headers['sgx-pck-crl-issuer-chain'], 'sgx-pck-crl-issuer-chain')
      return { crl: readCrl(body, 'PCK CRL'), chain }
    },
    rootCrl: async () => readCrl((await ask(rootCrlUrl, maxCrlBytes)).body, 'root CRL'),
    pckChain: async ({ encryptedPpid, cpuSvn, pceSvn, pceId, qeId }) => {
      const { headers, body } = await ask(
        path('sgx', 'pckcert', {
          encrypted_ppid: encryptedPpid,
          cpusvn: cpuSvn,
          pcesvn: pceSvn,
          pceid: pceId,
          // A PCCS finds the platform by it; Intel's own service does not know the parameter.
          ...(isIntel ? {} : { qeid: qeId }),
        }),
        maxDocumentBytes,
      )
      const name = 'sgx-pck-certificate-issuer-chain'
      const leaf = readChain(encodeURIComponent(new TextDecoder().decode(body)), 'PCK certificate')
      return leaf + readChain(headers[name], name)
    },
  }
}

const edition = (update: Update): Readonly<Record<string, string>> =>
  typeof update === 'number' ? { tcbEvaluationDataNumber: String(update) } : { update }

/** The address of an endpoint, also in the form of Intel's own configuration files. */
function readBase(text: string): { readonly base: URL; readonly version: '3' | '4' } {
  const whole = requireUsable(text)
  const api = /^(.*\/)(?:sgx|tdx)\/certification\/v([34])\/?$/.exec(whole.pathname)
  const base = new URL(whole)
  base.pathname = api?.[1] ?? whole.pathname.replace(/\/?$/, '/')
  return { base, version: api?.[2] === '3' ? '3' : '4' }
}

function requireUsable(text: string): URL {
  const url = URL.parse(text)
  const isLocal =
    url !== null &&
    (/^127(?:\.\d{1,3}){3}$/.test(url.hostname) || ['localhost', '[::1]'].includes(url.hostname))
  const isUsable =
    url !== null &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)) &&
    url.username + url.password + url.search + url.hash === ''
  if (isUsable) return url
  throw fail('CONFIG_INVALID', `collateral endpoint ${text}: expected an https URL`, {
    hints: ['http is for this machine only; give the CA of a PCCS with a certificate of its own'],
  })
}

/** Status codes of Intel's PCCS beyond HTTP's own. */
const meanings: Readonly<Record<number, string>> = {
  404: 'not known there',
  410: 'no longer served',
  429: 'too many requests',
  460: 'the cache could not verify it',
  461: 'the platform is not known there',
  462: 'no certificate for this platform',
  502: 'the cache cannot reach Intel',
}

function refusedBy(url: URL, { status, headers }: HttpAnswer): Error {
  const meaning = meanings[status]
  const retryAfterMs = readRetryAfter(headers['retry-after'], headers.date)
  return fail(
    'COLLATERAL_UNAVAILABLE',
    `${url.origin}${url.pathname}: HTTP ${status}${meaning ? `, ${meaning}` : ''}`,
    { meta: { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } },
  )
}

/** Seconds, or a date by the server's own clock (RFC 9110, section 10.2.3). */
function readRetryAfter(value: string | undefined, date: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d{1,9}$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - Date.parse(date ?? '')
  return ms > 0 ? Math.min(ms, longestRetryAfterMs) : undefined
}

/** What a quote with certification data of type 2 or 3 says of its platform (A.4, table 9). */
export function platformIdOf(data: Uint8Array, qeId: Uint8Array): PlatformId {
  const split = data.length - 20 // CPUSVN 16, PCESVN 2, PCEID 2
  const field = (from: number, to?: number) => toHex(data.slice(from, to))
  return {
    encryptedPpid: field(0, split),
    cpuSvn: field(split, split + 16),
    pceSvn: field(split + 16, split + 18),
    pceId: field(split + 18),
    qeId: toHex(qeId),
  }
}

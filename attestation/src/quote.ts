// The bytes of a quote: SGX in versions 3 to 5, TDX in 4 and 5 (Intel SGX ECDSA
// QuoteLibReference, appendix A.4; Intel TDX DCAP Quoting Library API, appendix
// A.3). Cuts and checks the layout only; nothing is believed here.

import { type Bytes, own, type P256PublicKey, toHex } from '@vorta/core'
import { ByteReader } from './byte-reader.ts'
import { refuse } from './errors.ts'
import { readSgxReport, type SgxReport, sgxReportLength } from './sgx-report.ts'
import { readTdReport, type TdReport, tdReportLengths } from './td-report.ts'

// Genuine quotes are about 5 KB, and 1 KB of certificates more would be unusual.
const maxQuote = 64 * 1024
const maxCertificationData = 32 * 1024

/** Header, the longest body, and the signature with its length. */
const maxHead = 1024
const signatureLength = 64

const ecdsaP256 = 2
const intelQeVendor = '939a7233f79c4ca9940a0db3957f0607'
const tees: Readonly<Record<number, 'sgx' | 'tdx'>> = { 0: 'sgx', 129: 'tdx' }

/** Version 5 names the body's type and length; these are the lengths it may name. */
const bodyLengths: Readonly<Record<number, number>> = {
  1: sgxReportLength,
  2: tdReportLengths['1.0'],
  3: tdReportLengths['1.5'],
  4: tdReportLengths['1.5Ex'],
}

/** How the quote says which PCK certificate its platform has. */
export type Certification = { readonly type: number; readonly data: Bytes }

/** The quoting enclave and what it vouches with: the same in every quote of one attestation key. */
export type Endorsement = {
  readonly attestationKey: P256PublicKey
  readonly qeReport: SgxReport
  readonly qeReportSignature: Bytes
  readonly qeAuthData: Bytes
  readonly certification: Certification
}

type Body =
  | { readonly tee: 'sgx'; readonly report: SgxReport; readonly reportData: Bytes }
  | { readonly tee: 'tdx'; readonly report: TdReport; readonly reportData: Bytes }

export type ParsedQuote = Body &
  Endorsement & {
    readonly version: 3 | 4 | 5
    /** Header and body: what the attestation key signed. */
    readonly signedData: Bytes
    readonly signature: Bytes
    /** How many zero bytes follow the quote, as tools that use fixed buffers leave them. */
    readonly padding: number
  }

/** A quote whose endorsement is still bytes: they name what a verifier may know already. */
export type CutQuote = Body &
  Pick<ParsedQuote, 'version' | 'signedData' | 'signature' | 'padding'> & {
    /** A view of the bytes given: to be copied before it is kept. */
    readonly endorsement: Uint8Array
  }

/** Cuts a quote into its parts. Throws VerificationError, nothing else. */
export function parseQuote(quote: Uint8Array): ParsedQuote {
  const { endorsement, ...cut } = cutQuote(quote)
  return { ...cut, ...readEndorsement(own(endorsement), cut.version) }
}

/** The first half of parseQuote; readEndorsement is the other. */
export function cutQuote(quote: Uint8Array): CutQuote {
  if (quote.length > maxQuote) {
    throw refuse('QUOTE_FORMAT', `quote: expected at most ${maxQuote} bytes, got ${quote.length}`)
  }
  const reader = new ByteReader(own(quote.subarray(0, maxHead)), 'quote')
  const { version, tee } = readHeader(reader)
  const body = reader.take(bodyLength(reader, version, tee))
  const signedData = reader.bytes.subarray(0, reader.offset)
  const authLength = reader.u32()
  const end = reader.offset + authLength
  if (authLength < signatureLength || end > quote.length) {
    throw refuse('QUOTE_FORMAT', `quote: ${authLength} bytes of authentication data do not fit`)
  }
  const signature = reader.take(signatureLength)
  const endorsement = quote.subarray(reader.offset, end)
  checkPadding(quote.subarray(end))
  const padding = quote.length - end
  return { version, ...readBody(tee, body), signedData, signature, endorsement, padding }
}

function checkPadding(bytes: Uint8Array): void {
  for (const byte of bytes) {
    if (byte !== 0) {
      throw refuse('QUOTE_FORMAT', 'quote: expected nothing but zeros after the quote')
    }
  }
}

function readBody(tee: 'sgx' | 'tdx', bytes: Bytes): Body {
  if (tee === 'sgx') {
    const report = readSgxReport(bytes)
    return { tee, report, reportData: report.reportData }
  }
  const { td, reportData } = readTdReport(bytes)
  return { tee, report: td, reportData }
}

function readHeader(reader: ByteReader) {
  const version = reader.u16()
  if (version !== 3 && version !== 4 && version !== 5) {
    throw refuse('QUOTE_VERSION', `quote version: expected 3 to 5, got ${version}`)
  }
  const keyType = reader.u16()
  if (keyType !== ecdsaP256) {
    throw refuse('ATT_KEY_TYPE', `attestation key type: expected ${ecdsaP256}, got ${keyType}`)
  }
  const type = reader.u32()
  const tee = tees[type]
  if (tee === undefined || (version === 3 && tee !== 'sgx')) {
    throw refuse('TEE_TYPE', `TEE type: ${type} is not one of version ${version}`)
  }
  reader.take(4) // QE and PCE SVN: signed, but the TCB is judged by the PCK certificate
  const vendor = toHex(reader.take(16))
  if (vendor !== intelQeVendor) {
    throw refuse('QE_VENDOR', `QE vendor: expected ${intelQeVendor}, got ${vendor}`)
  }
  reader.take(20) // user data: the QE's identifier of the platform
  return { version, tee } as const
}

function bodyLength(reader: ByteReader, version: 3 | 4 | 5, tee: 'sgx' | 'tdx'): number {
  if (version < 5) return tee === 'sgx' ? sgxReportLength : tdReportLengths['1.0']
  const type = reader.u16()
  const length = reader.u32()
  if (bodyLengths[type] !== length || (type === 1) !== (tee === 'sgx')) {
    throw refuse('BODY_TYPE', `body: ${length} bytes of type ${type} are no report of ${tee}`)
  }
  return length
}

/** From version 4 the part behind the attestation key is wrapped once more, as type 6. */
export function readEndorsement(bytes: Bytes, version: 3 | 4 | 5): Endorsement {
  const auth = new ByteReader(bytes, 'authentication data')
  const attestationKey = { x: auth.take(32), y: auth.take(32) }
  const qe = version === 3 ? auth : unwrap(auth)
  const endorsement = {
    attestationKey,
    qeReport: readSgxReport(qe.take(sgxReportLength)),
    qeReportSignature: qe.take(64),
    qeAuthData: qe.take(qe.u16()),
    certification: readCertification(qe),
  }
  qe.end()
  auth.end()
  return endorsement
}

const qeReportCertification = 6

function unwrap(auth: ByteReader): ByteReader {
  const type = auth.u16()
  if (type !== qeReportCertification) {
    throw refuse('CERT_TYPE', `certification data type: expected 6, got ${type}`)
  }
  return auth.nested(auth.u32(), 'QE report certification data')
}

/** 1 to 5 name a PCK certificate. 7 is a platform manifest, which names none: only a registration service can use it. */
function readCertification(auth: ByteReader): Certification {
  const type = auth.u16()
  const length = auth.u32()
  if (type < 1 || type > 5) {
    throw refuse('CERT_TYPE', `certification data type: expected 1 to 5, got ${type}`)
  }
  if (length > maxCertificationData) {
    throw refuse(
      'QUOTE_FORMAT',
      `certification data: expected at most ${maxCertificationData} bytes, got ${length}`,
    )
  }
  return { type, data: auth.take(length) }
}

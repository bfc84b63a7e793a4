// The bytes of an SGX quote, version 3 (Intel SGX ECDSA QuoteLibReference,
// appendix A.4). Cuts and checks the layout only; nothing is believed here.
// Versions 4 and 5 and TDX are refused by name.

import { type Bytes, isZero, own, type P256PublicKey, toHex } from '@vorta/core'
import { refuse } from './errors.ts'

// Genuine quotes are about 5 KB, and 1 KB of certificates more would be unusual.
const maxQuote = 64 * 1024
const maxCertificationData = 32 * 1024

const headerLength = 48
const reportLength = 384
const ecdsaP256 = 2
const teeSgx = 0
const intelQeVendor = '939a7233f79c4ca9940a0db3957f0607'

/** SGX ATTRIBUTES: the flags that matter, and both halves as they stand in the report. */
export type SgxAttributes = {
  readonly debug: boolean
  readonly provisionKey: boolean
  readonly einitTokenKey: boolean
  /** 8 bytes each, little-endian, in hex. */
  readonly flags: string
  readonly xfrm: string
}

/** A report body of 384 bytes. Byte strings are hex, numbers are decoded. */
export type SgxReport = {
  readonly raw: Bytes
  readonly cpuSvn: string
  readonly miscSelect: string
  readonly attributes: SgxAttributes
  readonly mrenclave: string
  readonly mrsigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  readonly reportData: Bytes
}

/** How the quote says which PCK certificate its platform has. */
export type Certification = { readonly type: number; readonly data: Bytes }

export type ParsedQuote = {
  readonly version: 3
  readonly tee: 'sgx'
  readonly report: SgxReport
  /** Header and report: what the attestation key signed. */
  readonly signedData: Bytes
  readonly signature: Bytes
  readonly attestationKey: P256PublicKey
  readonly qeReport: SgxReport
  readonly qeReportSignature: Bytes
  readonly qeAuthData: Bytes
  readonly certification: Certification
  /** How many zero bytes follow the quote, as tools that use fixed buffers leave them. */
  readonly padding: number
}

/** Cuts a quote into its parts. Throws VerificationError, nothing else. */
export function parseQuote(quote: Uint8Array): ParsedQuote {
  if (quote.length > maxQuote) {
    throw refuse('QUOTE_FORMAT', `quote: expected at most ${maxQuote} bytes, got ${quote.length}`)
  }
  const reader = new Reader(quote, 'quote')
  const version = reader.u16()
  if (version !== 3) throw refuse('QUOTE_VERSION', `quote version: expected 3, got ${version}`)
  return parseVersion3(reader)
}

function parseVersion3(reader: Reader): ParsedQuote {
  checkHeader(reader)
  const report = readReport(reader.take(reportLength))
  const signedData = reader.slice(0, headerLength + reportLength)
  const auth = reader.nested(reader.u32(), 'authentication data')
  const parsed: ParsedQuote = {
    version: 3,
    tee: 'sgx',
    report,
    signedData,
    signature: auth.take(64),
    attestationKey: { x: auth.take(32), y: auth.take(32) },
    qeReport: readReport(auth.take(reportLength)),
    qeReportSignature: auth.take(64),
    qeAuthData: auth.take(auth.u16()),
    certification: readCertification(auth),
    padding: reader.left,
  }
  auth.end()
  if (!isZero(reader.take(reader.left))) {
    throw refuse('QUOTE_FORMAT', 'quote: expected nothing but zeros after the quote')
  }
  return parsed
}

function checkHeader(reader: Reader): void {
  const keyType = reader.u16()
  if (keyType !== ecdsaP256) {
    throw refuse('ATT_KEY_TYPE', `attestation key type: expected ${ecdsaP256}, got ${keyType}`)
  }
  const tee = reader.u32()
  if (tee !== teeSgx) throw refuse('TEE_TYPE', `TEE type: expected ${teeSgx}, got ${tee}`)
  reader.take(4) // QE and PCE SVN: signed, but the TCB is judged by the PCK certificate
  const vendor = toHex(reader.take(16))
  if (vendor !== intelQeVendor) {
    throw refuse('QE_VENDOR', `QE vendor: expected ${intelQeVendor}, got ${vendor}`)
  }
  reader.take(20) // user data: the QE's identifier of the platform
}

function readReport(raw: Bytes): SgxReport {
  const hex = (from: number, length: number): string => toHex(raw.subarray(from, from + length))
  const u16 = (at: number): number => new DataView(raw.buffer).getUint16(at, true)
  const flags = raw[48] ?? 0
  return {
    raw,
    cpuSvn: hex(0, 16),
    miscSelect: hex(16, 4),
    attributes: {
      debug: (flags & 0x02) !== 0,
      provisionKey: (flags & 0x10) !== 0,
      einitTokenKey: (flags & 0x20) !== 0,
      flags: hex(48, 8),
      xfrm: hex(56, 8),
    },
    mrenclave: hex(64, 32),
    mrsigner: hex(128, 32),
    isvProdId: u16(256),
    isvSvn: u16(258),
    reportData: raw.slice(320, 384),
  }
}

function readCertification(auth: Reader): Certification {
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

/** Reads little-endian fields one after the other and never past the end. */
class Reader {
  private readonly bytes: Uint8Array
  private readonly what: string
  private at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes
    this.what = what
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  take(length: number): Bytes {
    if (length > this.left) {
      throw refuse(
        'QUOTE_FORMAT',
        `${this.what}: expected ${length} bytes at offset ${this.at}, got ${this.left}`,
      )
    }
    this.at += length
    return this.slice(this.at - length, this.at)
  }

  slice(from: number, to: number): Bytes {
    return own(this.bytes.subarray(from, to))
  }

  u16(): number {
    return new DataView(this.take(2).buffer).getUint16(0, true)
  }

  u32(): number {
    return new DataView(this.take(4).buffer).getUint32(0, true)
  }

  nested(length: number, what: string): Reader {
    return new Reader(this.take(length), what)
  }

  end(): void {
    if (this.left > 0) {
      throw refuse('QUOTE_FORMAT', `${this.what}: expected its end, got ${this.left} bytes more`)
    }
  }
}

// The report body of an SGX enclave (Intel SGX ECDSA QuoteLibReference, A.4,
// table 5): of the enclave that is quoted, and of the quoting enclave.

import { type Bytes, toHex } from '@vorta/core'

export const sgxReportLength = 384

/** SGX ATTRIBUTES: the flags that matter, and both halves as they stand in the report. */
export type SgxAttributes = {
  readonly debug: boolean
  readonly provisionKey: boolean
  readonly einitTokenKey: boolean
  /** 8 bytes each, little-endian, in hex. */
  readonly flags: string
  readonly xfrm: string
}

/** Byte strings are hex, numbers are decoded. */
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

export function readSgxReport(raw: Bytes): SgxReport {
  // Once for the whole, the fields are cut out of it: quotes are read by the thousand.
  const text = toHex(raw)
  const hex = (from: number, length: number): string => text.slice(2 * from, 2 * (from + length))
  const u16 = (at: number): number => raw[at]! + 256 * raw[at + 1]!
  const flags = raw[48]!
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

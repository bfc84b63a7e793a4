// The report body of a TDX trust domain (Intel TDX DCAP Quoting Library API,
// A.3.2): the reports 1.0, 1.5 and 1.5Ex, each of which begins with the one before.

import { type Bytes, toHex } from '@vorta/core'

export const tdReportLengths = { '1.0': 584, '1.5': 648, '1.5Ex': 885 } as const
export type TdReportKind = keyof typeof tdReportLengths

export type TdAttributes = {
  /** Any of the bits 0 to 7, with each of which the host can look into the TD. */
  readonly debug: boolean
  readonly septVeDisable: boolean
  readonly migratable: boolean
  readonly pks: boolean
  readonly keyLocker: boolean
  readonly perfmon: boolean
  /** A bit without a meaning is set. */
  readonly reserved: boolean
  /** 8 bytes, little-endian, in hex. */
  readonly raw: string
}

/** Byte strings in lower-case hex: 48 bytes where nothing else is said. */
export type TdReport = {
  readonly mrtd: string
  /** RTMR0 to RTMR3. */
  readonly rtmrs: readonly [string, string, string, string]
  readonly mrConfigId: string
  readonly mrOwner: string
  readonly mrOwnerConfig: string
  /** The TDX module and who signed it; Intel's own modules have a signer of zeros. */
  readonly mrSeam: string
  readonly mrSignerSeam: string
  /** 8 bytes. */
  readonly seamAttributes: string
  readonly tdAttributes: TdAttributes
  /** 8 bytes. */
  readonly xfam: string
  /** 16 patch levels under which the TD was launched: [0] and [1] version of the TDX module. */
  readonly teeTcbSvn: readonly number[]
  /** From report 1.5: the patch levels that are in force now. */
  readonly teeTcbSvn2?: readonly number[]
  /** From report 1.5: the migration TD that is bound to this TD. */
  readonly mrServiceTd?: string
}

export type ParsedTdReport = { readonly td: TdReport; readonly reportData: Bytes }

/** The length must be that of a kind of report. */
export function readTdReport(raw: Bytes): ParsedTdReport {
  const text = toHex(raw)
  const hex = (from: number, length = 48): string => text.slice(2 * from, 2 * (from + length))
  const svns = (from: number): number[] => [...raw.subarray(from, from + 16)]
  const td: TdReport = {
    mrtd: hex(136),
    rtmrs: [hex(328), hex(376), hex(424), hex(472)],
    mrConfigId: hex(184),
    mrOwner: hex(232),
    mrOwnerConfig: hex(280),
    mrSeam: hex(16),
    mrSignerSeam: hex(64),
    seamAttributes: hex(112, 8),
    tdAttributes: readAttributes(raw.subarray(120, 128), hex(120, 8)),
    xfam: hex(128, 8),
    teeTcbSvn: svns(0),
    ...(raw.length >= tdReportLengths['1.5'] && { teeTcbSvn2: svns(584), mrServiceTd: hex(600) }),
  }
  return { td, reportData: raw.slice(520, 584) }
}

// Bits per byte that have a meaning (Intel TDX module 1.5 ABI, TD attributes).
const knownBits = [0xff, 0, 0, 0xf0, 0, 0, 0, 0x80]

function readAttributes(bytes: Uint8Array, raw: string): TdAttributes {
  const bit = (at: number): boolean => (bytes[at >> 3]! & (1 << (at & 7))) !== 0
  return {
    debug: bytes[0] !== 0,
    septVeDisable: bit(28),
    migratable: bit(29),
    pks: bit(30),
    keyLocker: bit(31),
    perfmon: bit(63),
    reserved: knownBits.some((known, i) => (bytes[i]! & ~known) !== 0),
    raw,
  }
}

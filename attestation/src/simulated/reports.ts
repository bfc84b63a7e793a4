// The report bodies that simulated quotes are about: the mirror of sgx-report.ts
// and td-report.ts.

import type { Bytes } from '@vorta/core'
import { sgxReportLength } from '../sgx-report.ts'
import { type TdReportKind, tdReportLengths } from '../td-report.ts'

export type EnclaveOptions = {
  /** MRENCLAVE, 32 bytes. */
  readonly measurement: Uint8Array
  /** 64 bytes. */
  readonly reportData: Uint8Array
  readonly debug?: boolean
  readonly mrsigner?: Uint8Array
  readonly isvProdId?: number
  readonly isvSvn?: number
  readonly version?: 3 | 4 | 5
}

/** Measurements are 48 bytes and zero where they are not set. */
export type TdOptions = {
  /** MRTD. */
  readonly measurement: Uint8Array
  /** 64 bytes. */
  readonly reportData: Uint8Array
  /** RTMR0 to RTMR3. */
  readonly rtmrs?: readonly Uint8Array[]
  readonly mrConfigId?: Uint8Array
  readonly mrOwner?: Uint8Array
  readonly mrOwnerConfig?: Uint8Array
  readonly mrSeam?: Uint8Array
  readonly mrSignerSeam?: Uint8Array
  /** 8 bytes. */
  readonly seamAttributes?: Uint8Array
  /** 8 bytes, little-endian; default SEPT_VE_DISABLE alone. */
  readonly tdAttributes?: Uint8Array
  /** 16 patch levels each. */
  readonly teeTcbSvn?: readonly number[]
  /** TD report 1.5; default as at launch. */
  readonly teeTcbSvn2?: readonly number[]
  readonly mrServiceTd?: Uint8Array
  readonly report?: TdReportKind
  readonly version?: 4 | 5
}

/** How version 5 names them. */
export const tdBodyTypes: Readonly<Record<TdReportKind, number>> = {
  '1.0': 2,
  '1.5': 3,
  '1.5Ex': 4,
}

type SgxFields = EnclaveOptions & {
  readonly cpuSvn: Uint8Array
  /** ATTRIBUTES flags, low byte; default INIT and MODE64, and DEBUG where that is set. */
  readonly flags?: number
}

export function sgxReport({ debug = false, ...fields }: SgxFields): Bytes {
  const out = new Uint8Array(sgxReportLength)
  const view = new DataView(out.buffer)
  out.set(fields.cpuSvn, 0)
  out[48] = fields.flags ?? (debug ? 0x07 : 0x05)
  out[56] = 0x07 // XFRM: x87, SSE, AVX
  out.set(fields.measurement, 64)
  out.set(fields.mrsigner ?? [], 128)
  view.setUint16(256, fields.isvProdId ?? 0, true)
  view.setUint16(258, fields.isvSvn ?? 0, true)
  out.set(fields.reportData, 320)
  return out
}

const septVeDisable = Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0)

type TdFields = TdOptions & { readonly teeTcbSvn: readonly number[] }

export function tdReport(fields: TdFields, kind: TdReportKind): Bytes {
  const out = new Uint8Array(tdReportLengths[kind])
  const put = (at: number, bytes: ArrayLike<number> = []) => out.set(bytes, at)
  put(0, fields.teeTcbSvn)
  put(16, fields.mrSeam)
  put(64, fields.mrSignerSeam)
  put(112, fields.seamAttributes)
  put(120, fields.tdAttributes ?? septVeDisable)
  put(128, [0xe7, 0x02, 0x06]) // XFAM, as Linux guests have it
  put(136, fields.measurement)
  put(184, fields.mrConfigId)
  put(232, fields.mrOwner)
  put(280, fields.mrOwnerConfig)
  for (const [i, rtmr] of (fields.rtmrs ?? []).entries()) put(328 + 48 * i, rtmr)
  put(520, fields.reportData)
  if (kind === '1.0') return out
  put(584, fields.teeTcbSvn2 ?? fields.teeTcbSvn)
  put(600, fields.mrServiceTd)
  return out
}

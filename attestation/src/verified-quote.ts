// What is known of a quote once it is proven genuine: everything a policy may
// ask about. Byte strings are lower-case hex, times are milliseconds.

import type { Bytes } from '@vorta/core'
import type { AnchorKind } from './anchors.ts'
import type { SgxAttributes } from './sgx-report.ts'
import type { EnclaveTcbStatus, PlatformTcbStatus, TcbStatus } from './tcb-status.ts'
import type { TdReport } from './td-report.ts'

/** What Intel says about the TCB of a quote, put together from its parts. */
export type TcbVerdict = {
  /** Platform, TDX module and quoting enclave taken together. */
  readonly status: TcbStatus
  readonly platformStatus: PlatformTcbStatus
  /** Of the TDX module; absent where Intel judges it together with the platform. */
  readonly moduleStatus?: EnclaveTcbStatus
  /** Advisories of all parts, sorted and without repetition. */
  readonly advisoryIds: readonly string[]
  /** The earliest of the matched levels' dates, as Intel spells it. */
  readonly tcbDate: string
  /**
   * The date of the oldest level that an out-of-date part does not reach, in milliseconds: since
   * when the patch it lacks has been asked for. Absent where no part is out of date.
   */
  readonly requiredSince?: number
}

export type Platform = {
  readonly pceId: string
  readonly sgxType: 'Standard' | 'Scalable' | 'ScalableWithIntegrity'
  /** Only from a Platform CA: 16 bytes, and how the platform is set up. */
  readonly instanceId?: string
  readonly dynamicPlatform?: boolean
  readonly cachedKeys?: boolean
  readonly smtEnabled?: boolean
  /** 16 patch levels, as TCB info counts them. */
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
}

type Common = {
  readonly version: 3 | 4 | 5
  /** What all of this rests on. */
  readonly anchor: { readonly kind: AnchorKind; readonly name: string }
  /** True whenever the anchor is not a hardware vendor's: this evidence proves nothing about hardware. */
  readonly simulated: boolean

  readonly qeStatus: EnclaveTcbStatus
  /** The same advisories by what they are about. */
  readonly advisories: {
    readonly platform: readonly string[]
    readonly qe: readonly string[]
    readonly module: readonly string[]
  }
  /** The lower number of TCB info and QE identity. */
  readonly tcbEvaluationDataNumber: number

  /** The host can read this enclave's memory. */
  readonly debug: boolean
  /** 64 bytes. */
  readonly reportData: Bytes

  /** Family, model and stepping of the platform, 6 bytes. */
  readonly fmspc: string
  /** Identifies the processor package, 16 bytes. */
  readonly ppid: string
  /** Its SHA-256: what lists of known platforms name it by. */
  readonly ppidSha256: string
  readonly platform: Platform

  /** The older issue date of TCB info and QE identity: how old the judgement of the TCB is. */
  readonly tcbIssued: number
  /** The latest issue date of TCB info, QE identity and CRLs: the evidence cannot be older. */
  readonly collateralIssued: number
  /** The first moment at which a certificate, CRL or document of the evidence runs out. */
  readonly collateralExpires: number
  /** SHA-256 of the signed data. Names this quote; the quote's own bytes do not (ECDSA is malleable). */
  readonly signedDigest: string
}

export type VerifiedSgxQuote = Common &
  TcbVerdict & {
    readonly tee: 'sgx'
    readonly attributes: SgxAttributes
    readonly mrenclave: string
    readonly mrsigner: string
    readonly isvProdId: number
    readonly isvSvn: number
  }

export type VerifiedTdxQuote = Common &
  TcbVerdict & {
    readonly tee: 'tdx'
    /**
     * TD report 1.5 and later: the TCB that is running now. The fields of the
     * quote itself are about the TCB that the TD was launched under.
     */
    readonly current?: TcbVerdict
    readonly td: TdReport
  }

/** Told apart by `tee`. */
export type VerifiedQuote = VerifiedSgxQuote | VerifiedTdxQuote

/** What names the code in the enclave: MRENCLAVE, or MRTD. */
export const measurementOf = (quote: VerifiedQuote): string =>
  quote.tee === 'sgx' ? quote.mrenclave : quote.td.mrtd

// What is known of a quote once it is proven genuine: everything a policy may
// ask about. Byte strings are lower-case hex, times are milliseconds.

import type { AnchorKind } from './anchors.ts'
import type { SgxAttributes } from './quote.ts'
import type { EnclaveTcbStatus, TcbStatus } from './tcb-status.ts'

export type VerifiedQuote = {
  readonly tee: 'sgx'
  readonly version: 3
  /** What all of this rests on. */
  readonly anchor: { readonly kind: AnchorKind; readonly name: string }
  /** True whenever the anchor is not a hardware vendor's: this evidence proves nothing about hardware. */
  readonly simulated: boolean

  /** Platform and quoting enclave taken together. */
  readonly status: TcbStatus
  readonly platformStatus: TcbStatus
  readonly qeStatus: EnclaveTcbStatus
  /** Advisories of both, sorted and without repetition. */
  readonly advisoryIds: readonly string[]
  /** The earlier of the two levels' dates, as Intel spells it. */
  readonly tcbDate: string
  /** The lower number of TCB info and QE identity. */
  readonly tcbEvaluationDataNumber: number

  readonly debug: boolean
  readonly attributes: SgxAttributes
  readonly mrenclave: string
  readonly mrsigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  /** 64 bytes. */
  readonly reportData: Uint8Array

  /** Family, model and stepping of the platform, 6 bytes. */
  readonly fmspc: string
  /** Identifies the processor package, 16 bytes. */
  readonly ppid: string
  readonly platform: {
    readonly pceId: string
    readonly sgxType: 'Standard' | 'Scalable' | 'ScalableWithIntegrity'
    /** Only from a Platform CA: 16 bytes, and how the platform is set up. */
    readonly instanceId?: string
    readonly dynamic?: boolean
    readonly cachedKeys?: boolean
    readonly smtEnabled?: boolean
  }

  /** The older issue date of TCB info and QE identity: how old the judgement of the TCB is. */
  readonly tcbIssued: number
  /** The latest issue date of TCB info, QE identity and CRLs: the evidence cannot be older. */
  readonly collateralIssued: number
  /** The first moment at which a certificate, CRL or document of the evidence runs out. */
  readonly collateralExpires: number
  /** SHA-256 of the signed data. Names this quote; the quote's own bytes do not (ECDSA is malleable). */
  readonly signedDigest: string
}

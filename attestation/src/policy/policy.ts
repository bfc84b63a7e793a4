// What a relying party accepts of genuine quotes. Deny by default: an empty
// policy accepts nothing, since it names no enclave. How it is written in a file
// is decoder.ts, how a quote is judged by it judge.ts.

import type { VerifiedQuote } from '../verified-quote.ts'

export type TeeKind = VerifiedQuote['tee']

/** Statuses a policy may list. Revoked is not among them and can never be accepted. */
export const acceptableStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
] as const
export type AcceptableStatus = (typeof acceptableStatuses)[number]

/** An SGX enclave named by who signed it: its product, and the oldest version that is good enough. */
export type SignerRule = {
  readonly mrsigner: string
  readonly isvProdId: number
  readonly minIsvSvn: number
}

/** The values that are good, or the word `any`: what is left open is left open in writing. */
export type Allowed = readonly string[] | 'any'

/**
 * A TD named by what was measured into it. All members have to fit. RTMR0 to
 * RTMR2 hold its hardware description, kernel and command line, RTMR3 what the
 * system in it has started.
 */
export type TdRule = {
  readonly mrtd: readonly string[]
  readonly rtmr0: Allowed
  readonly rtmr1: Allowed
  readonly rtmr2: Allowed
  readonly rtmr3?: Allowed
  /** dstack: from an event log that replays to RTMR3, and from nowhere else. */
  readonly composeHash?: readonly string[]
  /** Names no code by itself: a host with a key management service of its own may give out any id. */
  readonly appId?: readonly string[]
  readonly osImageHash?: readonly string[]
  readonly mrConfigId?: readonly string[]
  readonly mrOwner?: readonly string[]
  readonly mrOwnerConfig?: readonly string[]
}

/** `deny` wins; `allow` where present is complete. */
export type Listing = { readonly allow?: readonly string[]; readonly deny?: readonly string[] }

/** For how long statuses that are no longer accepted still pass; with one of `period` and `until`. */
export type Grace = {
  readonly statuses: readonly AcceptableStatus[]
  /** Milliseconds from the day that Intel put on the patch which the platform lacks. */
  readonly period?: number
  /** A day that holds for all platforms, RFC 3339. */
  readonly until?: string
}

export type SgxType = VerifiedQuote['platform']['sgxType']

export type AttestationPolicy = {
  /** Kinds of enclave; default sgx. */
  readonly tees: readonly TeeKind[]
  /** Accept simulated evidence, which proves nothing about hardware; default false. */
  readonly simulated: boolean
  /** Accept debug enclaves and TDs, whose memory the host can read; default false. */
  readonly debug: boolean
  /** The enclaves to accept: one entry of the lists for its kind has to match. Default none. */
  readonly measurements: {
    readonly mrenclave: readonly string[]
    readonly mrsigner: readonly SignerRule[]
    readonly td: readonly TdRule[]
  }

  /** Default UpToDate and SWHardeningNeeded. */
  readonly statuses: readonly AcceptableStatus[]
  readonly grace?: Grace
  /** For a status that has a list here, every advisory of the quote must be on it. */
  readonly advisories?: Readonly<Partial<Record<AcceptableStatus, readonly string[]>>>
  /** Refuse judgements of an older TCB evaluation than this one. */
  readonly minTcbEvaluationDataNumber?: number
  /** Refuse a TCB that is older than this day, RFC 3339. */
  readonly minTcbDate?: string
  /** How long ago TCB info and QE identity may have been issued, in milliseconds. */
  readonly maxCollateralAge?: number

  /** Kinds of platform, 12 hex digits each. */
  readonly fmspc?: Listing
  /** Single platforms: SHA-256 of the PPID (64 hex digits) or platform instance id (32). */
  readonly platforms?: Listing
  readonly sgxTypes?: readonly SgxType[]
  /** Refuse platforms to which packages can be added later; default false, as the next two. */
  readonly requireNotDynamicPlatform: boolean
  /** Refuse platforms whose registration keys are kept by Intel. */
  readonly requireNotCachedKeys: boolean
  /** Refuse platforms with simultaneous multithreading. */
  readonly requireSmtOff: boolean

  readonly tdx: {
    /** Refuse TDs whose memory the host can unmap unnoticed by them; default true. */
    readonly requireSeptVeDisable: boolean
    /** Accept TDs that can be moved to another platform; default false. */
    readonly migratable: boolean
    /** MRSERVICETD values to accept besides none at all; default none. */
    readonly serviceTds: readonly string[]
  }
}

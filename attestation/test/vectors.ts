// Genuine and altered quotes that this project did not make, with the verdicts
// of Intel's own library. Read from beside the repository; absent on most machines.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '@vorta/core'
import { anchorFromPem, intelAnchor, type TrustAnchor } from '../src/anchors.ts'
import type { Collateral } from '../src/collateral.ts'

const folder = join(import.meta.dirname, '../../../shared/vectors/quotes')

/** Why tests that need them are skipped; false where they are there. */
export const absent = !existsSync(folder) && 'the shared vectors are not on this machine'

export type Case = {
  readonly id: string
  readonly kind: 'genuine' | 'altered-genuine' | 'simulated' | 'intel-test-pki' | 'parse-only'
  /** Unix seconds. */
  readonly verifyTime: number
  readonly rootCaPem: string
  readonly quote: string
  readonly collateral: Collateral
  readonly expected: Expected
  readonly oracles?: { readonly dcapQvlJs039: string }
  readonly quoteInfo: QuoteInfo
}

type Expected = {
  readonly outcome: 'verified' | 'rejected' | 'parse'
  readonly rejectReason?: string
  readonly status: string
  readonly platformStatus: string
  readonly qeStatus: string
  readonly moduleStatus: string
  readonly advisoryIds: readonly string[]
  readonly tcbDate: string
  readonly tcbEvaluationDataNumber: number
  readonly debug: boolean
  readonly current?: {
    readonly status: string
    readonly tcbDate: string
    readonly advisoryIds: readonly string[]
  }
}

type QuoteInfo = {
  readonly version: number
  readonly tee: 'sgx' | 'tdx'
  readonly certType: number
  readonly trailingBytes: number
  readonly debug: boolean
  readonly reportData: string
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  readonly attributes: string
  readonly mrTd: string
  readonly rtMr: readonly string[]
  readonly mrConfigId: string
  readonly tdAttributes: string
  readonly xfam: string
  readonly septVeDisable: boolean
  readonly teeTcbSvn: string
  readonly teeTcbSvn2?: string
  readonly mrServiceTd?: string
  readonly mrSeam: string
  readonly pck?: {
    readonly fmspc: string
    readonly pceId: string
    readonly pceSvn: number
    readonly cpuSvn: string
    readonly ppid: string
    readonly sgxType: number
    readonly platformInstanceId: string | null
    readonly configuration: {
      readonly dynamicPlatform: boolean
      readonly cachedKeys: boolean
      readonly smtEnabled: boolean
    } | null
  }
}

export const cases: readonly Case[] = absent
  ? []
  : readdirSync(folder)
      .filter((name) => name.endsWith('.json') && name !== 'index.json')
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))

export const caseOf = (id: string): Case => cases.find((one) => one.id === id)!

export const quoteOf = ({ quote }: Case): Uint8Array => fromHex(quote)!

/** Milliseconds. */
export const momentOf = ({ verifyTime }: Case): number => verifyTime * 1000

/** The root that the case names: Intel's, or any other as a simulated one. */
export function anchorOf({ rootCaPem }: Case): TrustAnchor {
  try {
    return anchorFromPem('intel', intelAnchor.name, rootCaPem)
  } catch {
    return anchorFromPem('simulated', 'root of the case', rootCaPem)
  }
}

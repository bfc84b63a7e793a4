// Which levels of Intel's documents a platform reaches, and what follows for
// the quote (Intel SGX/TDX DCAP Quote Verification Library, TCB level selection).

import { refuse } from './errors.ts'
import type { EnclaveLevel, Judged } from './judged-levels.ts'
import type { PckExtension } from './pck-extension.ts'
import type { TcbInfo, TcbLevel } from './tcb-info.ts'
import { advise, converge, type PlatformTcbStatus, type TcbStatus } from './tcb-status.ts'
import type { TdReport } from './td-report.ts'
import { majorVersionOf, matchModuleLevel } from './tdx-module.ts'
import type { TcbVerdict, VerifiedQuote } from './verified-quote.ts'

const reaches = (svns: readonly number[], least: readonly number[], from = 0): boolean => {
  for (let i = from; i < least.length; i++) if (!((svns[i] ?? -1) >= least[i]!)) return false
  return true
}

/** The highest level that the platform reaches in every component; for a TD in those of the TDX part too. */
function matchTcbLevel(info: TcbInfo, pck: PckExtension, tdxSvns: readonly number[]): TcbLevel {
  // From major version 1 the module is not counted among the components: it has levels of its own.
  const from = majorVersionOf(tdxSvns) > 0 ? 2 : 0
  const level = info.levels.find(
    (one) =>
      pck.pceSvn >= one.pceSvn &&
      reaches(pck.componentSvns, one.componentSvns) &&
      reaches(tdxSvns, one.tdxSvns, from),
  )
  if (!level) throw refuse('TCB_NOT_SUPPORTED', 'platform: older than every level of the TCB info')
  return level
}

/** As TcbVerdict, and the advisories by what they are about. */
type Judgement = TcbVerdict & Pick<VerifiedQuote, 'advisories'>
type Evaluation = Judgement & { readonly status: PlatformTcbStatus }

/** All parts together. The date is the earliest: the TCB is as old as its oldest part. */
function evaluate(
  info: TcbInfo,
  pck: PckExtension,
  qe: EnclaveLevel,
  tdxSvns: readonly number[],
): Evaluation {
  const platform = matchTcbLevel(info, pck, tdxSvns)
  const module = matchModuleLevel(info, tdxSvns)
  const parts = module ? [platform, module, qe] : [platform, qe]
  const withModule = module ? converge(platform.status, module.status) : platform.status
  return {
    status: converge(withModule, qe.status),
    platformStatus: platform.status,
    ...(module && { moduleStatus: module.status }),
    advisoryIds: union(parts.map((part) => part.advisoryIds)),
    advisories: {
      platform: platform.advisoryIds,
      qe: qe.advisoryIds,
      module: module?.advisoryIds ?? [],
    },
    tcbDate: earliest(parts.map((part) => part.tcbDate)),
    ...requiredSince(parts),
  }
}

const earliest = (dates: readonly string[]): string => dates.reduce((a, b) => (a < b ? a : b))

/** Since when a part that is out of date has had a newer level above it. */
function requiredSince(parts: readonly Judged<TcbStatus>[]): { readonly requiredSince?: number } {
  const missed = parts
    .filter(({ status }) => status.startsWith('OutOfDate'))
    .flatMap(({ supersededOn }) => supersededOn ?? [])
  return missed.length === 0 ? {} : { requiredSince: Date.parse(earliest(missed)) }
}

const union = (lists: readonly (readonly string[])[]): readonly string[] =>
  [...new Set(lists.flat())].sort()

/** Throws TCB_NOT_SUPPORTED where no level fits. */
export const judgeSgx = (info: TcbInfo, pck: PckExtension, qe: EnclaveLevel): Judgement =>
  evaluate(info, pck, qe, [])

/**
 * The TCB that the TD was launched under, and from report 1.5 on the one that
 * runs now; both have to be known ones. Throws TCB_NOT_SUPPORTED.
 */
export function judgeTdx(
  info: TcbInfo,
  pck: PckExtension,
  qe: EnclaveLevel,
  td: TdReport,
): Judgement & { readonly current?: TcbVerdict } {
  const launch = evaluate(info, pck, qe, td.teeTcbSvn)
  if (!td.teeTcbSvn2) return launch
  const { advisories, ...current } = evaluate(info, pck, qe, td.teeTcbSvn2)
  return { ...launch, status: advise(launch.status, current.status), current }
}

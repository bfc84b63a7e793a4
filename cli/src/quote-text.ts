// What a quote says, for people: verified or not, SGX or TDX.

import type { TdReport, VerifiedQuote } from '@vorta/attestation'
import { toRfc3339 } from '@vorta/core'
import { details } from './output.ts'
import type { QuoteVerdict } from './quote-verdict.ts'
import type { Paint } from './ui.ts'
import { checkLines, simulatedNotice } from './verdicts.ts'

type Pairs = readonly (readonly [string, string])[]

/** The verdict of `quote verify`. */
export function quoteText(paint: Paint, path: string, verdict: QuoteVerdict): string {
  if (verdict.tee === null) return rejection(paint, verdict)
  const findings = verdict.findings.map(({ rule, ok, code, detail }) => ({
    name: rule,
    outcome: ok ? 'passed' : 'failed',
    detail,
    ...(code === undefined ? {} : { code }),
  })) satisfies Parameters<typeof checkLines>[1]
  return [
    ...(verdict.simulated ? [simulatedNotice(paint)] : []),
    details(paint, [
      ['tee', verdict.tee],
      ['root', verdict.anchor.name],
      ...tcbPairs(verdict),
      ...(verdict.tee === 'sgx' ? enclavePairs(verdict) : tdPairs(verdict)),
      ['debug', String(verdict.debug)],
      ['FMSPC', verdict.fmspc],
      ['collateral until', toRfc3339(verdict.collateralExpires)],
    ]),
    ...(findings.length > 0 ? [paint('strong', 'Policy'), checkLines(paint, findings)] : []),
    verdict.outcome === 'rejected' ? rejection(paint, verdict) : approval(paint, path, verdict),
  ].join('\n')
}

const rejection = (
  paint: Paint,
  { rejectCode, rejectDetail }: Pick<QuoteVerdict, 'rejectCode' | 'rejectDetail'>,
): string => `${paint('failed', '✗ REJECTED')} ${rejectCode}: ${rejectDetail}`

function approval(paint: Paint, path: string, { simulated, accepted }: QuoteVerdict): string {
  const word = simulated ? paint('simulated', ' SIMULATED') : ''
  const policies = { true: ', accepted by the policy', false: ', not accepted by the policy' }
  const policy = accepted === null ? '' : policies[`${accepted}`]
  return `${paint('good', '✓ GENUINE')}${word}${policy}: ${path}`
}

type Tcb = Pick<
  VerifiedQuote,
  | 'status'
  | 'platformStatus'
  | 'moduleStatus'
  | 'qeStatus'
  | 'advisoryIds'
  | 'tcbDate'
  | 'tcbEvaluationDataNumber'
>

const tcbPairs = (tcb: Tcb): Pairs => [
  ['TCB status', tcb.status],
  ['platform', tcb.platformStatus],
  ['TDX module', tcb.moduleStatus ?? ''],
  ['quoting enclave', tcb.qeStatus],
  ['advisories', tcb.advisoryIds.join(', ') || 'none'],
  ['TCB date', tcb.tcbDate],
  ['evaluation', String(tcb.tcbEvaluationDataNumber)],
]

type Enclave = {
  readonly mrenclave: string
  readonly mrsigner: string
  readonly isvProdId: number
  readonly isvSvn: number
}

const enclavePairs = (enclave: Enclave): Pairs => [
  ['MRENCLAVE', enclave.mrenclave],
  ['MRSIGNER', enclave.mrsigner],
  ['product, SVN', `${enclave.isvProdId}, ${enclave.isvSvn}`],
]

const isZero = (hex: string): boolean => /^0+$/.test(hex)

/** What is zero has not been set. */
export const tdPairs = (td: TdReport): Pairs => [
  ['MRTD', td.mrtd],
  ...td.rtmrs.map((rtmr, i) => [`RTMR${i}`, rtmr] as const),
  ...(
    [
      ['MRCONFIGID', td.mrConfigId],
      ['MROWNER', td.mrOwner],
      ['MROWNERCONFIG', td.mrOwnerConfig],
      ['MRSIGNERSEAM', td.mrSignerSeam],
      ['MRSERVICETD', td.mrServiceTd ?? '0'],
    ] as const
  ).filter(([, value]) => !isZero(value)),
  ['MRSEAM', td.mrSeam],
  ['TD attributes', `${td.tdAttributes.raw} ${attributeNames(td)}`.trim()],
  ['XFAM', td.xfam],
  ['TCB SVNs', td.teeTcbSvn.join('.')],
  ['TCB SVNs now', td.teeTcbSvn2?.join('.') ?? ''],
]

const attributeNames = ({ tdAttributes: { raw, ...flags } }: TdReport): string =>
  Object.entries(flags)
    .filter(([, isSet]) => isSet)
    .map(([name]) => name)
    .join(' ')

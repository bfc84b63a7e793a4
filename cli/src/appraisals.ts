// How the results of an attestation service are shown.

import { type Appraisal, AppraisalSchema, docsUrl, exitCodes } from '@vorta/api'
import { fail, idPattern, toHex } from '@vorta/core'
import { idOf, tierText } from './jobs.ts'
import { age, plain, timeText } from './messages.ts'
import { details, type ListView } from './output.ts'
import type { Paint, Tone, Ui } from './ui.ts'
import { checkLines, simulatedNotice } from './verdicts.ts'

/** `appraisals/{id}` from either spelling. Throws USAGE. */
export function appraisalName(text: string): string {
  const id = text.replace(/^appraisals\//, '')
  if (idPattern.test(id)) return `appraisals/${id}`
  throw fail('USAGE', `expected a name such as appraisals/a01…, got "${text}"`)
}

const verdictText = ({ accepted, errorCode }: Appraisal): string =>
  accepted ? 'accepted' : `refused: ${errorCode}`

const verdictTone = ({ accepted }: Appraisal): Tone => (accepted ? 'good' : 'failed')

const teeTone = ({ simulated }: Appraisal): Tone | undefined =>
  simulated ? 'simulated' : undefined

export const appraisalJson = plain(AppraisalSchema)

export const appraisalView = (now: number): ListView<Appraisal> => ({
  name: ({ name }) => name,
  columns: [
    { header: 'NAME', cell: ({ name }) => idOf(name) },
    { header: 'VERDICT', cell: verdictText, tone: verdictTone },
    { header: 'TEE', cell: ({ tee }) => tierText(tee), tone: teeTone },
    { header: 'TCB', cell: ({ tcbStatus }) => tcbStatus },
    { header: 'POLICY', cell: ({ policy }) => policy },
    { header: 'FROM', cell: ({ worker }) => worker },
    { header: 'AGE', cell: ({ time }) => age(now, time), right: true },
    { header: 'MEASUREMENT', cell: ({ measurement }) => measurement.slice(0, 16), wide: true },
    { header: 'EVIDENCE', cell: ({ evidence }) => idOf(evidence).slice(0, 16), wide: true },
  ],
  json: appraisalJson,
  empty: 'no results yet',
})

/** The whole result for people: facts, checks, what was not checked, and the verdict. */
export function appraisalText(paint: Paint, appraisal: Appraisal): string {
  const checks = [
    ...appraisal.checks.map(({ name, ok, code, detail }) => ({
      name,
      outcome: ok ? ('passed' as const) : ('failed' as const),
      detail,
      ...(code !== '' && { code }),
    })),
    ...appraisal.notChecked.map(({ name, reason }) => ({
      name,
      outcome: 'not-performed' as const,
      detail: reason,
    })),
  ]
  return [
    ...(appraisal.simulated ? [simulatedNotice(paint)] : []),
    details(paint, [
      ['result', appraisal.name],
      ['evidence', appraisal.evidence],
      ['from', appraisal.worker],
      ['tee', tierText(appraisal.tee), teeTone(appraisal)],
      ['TCB status', appraisal.tcbStatus],
      ['advisories', appraisal.advisoryIds.join(', ')],
      ['measurement', appraisal.measurement],
      ['challenge', toHex(appraisal.nonce)],
      ['policy', `${appraisal.policy} ${appraisal.policyId}`],
      ['accepted until', timeText(appraisal.graceDeadline), 'attention'],
      ['time', timeText(appraisal.time)],
    ]),
    checkLines(paint, checks),
    `${paint(verdictTone(appraisal), appraisal.accepted ? '✓ ACCEPTED' : '✗ REFUSED')}${
      appraisal.simulated ? paint('simulated', ' SIMULATED') : ''
    } by the policy ${appraisal.policy}${appraisal.accepted ? '' : `: ${appraisal.errorCode}`}`,
  ].join('\n')
}

/** The exit code that a result gives; names the page about a refusal. */
export function appraisalExit(ui: Ui, { accepted, errorCode }: Appraisal): number {
  if (accepted) return exitCodes.ok
  ui.docs(docsUrl(errorCode))
  return exitCodes.verification
}

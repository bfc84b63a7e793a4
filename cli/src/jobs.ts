// How jobs and their events are shown, and what exit code a job's end gives.

import { timestampMs } from '@bufbuild/protobuf/wkt'
import {
  exitCodes,
  type Job,
  type Job_State,
  Job_StateSchema,
  type JobEvent,
  JobEventSchema,
  JobSchema,
} from '@vorta/api'
import { fail, idPattern } from '@vorta/core'
import { age, lengthText, plain, timeText } from './messages.ts'
import { chosen, details, document, type ListView } from './output.ts'
import type { Tone, Ui } from './ui.ts'

/** `jobs/{id}` or `workers/{id}` from either spelling. Throws USAGE. */
export function resourceName(collection: 'jobs' | 'workers', text: string): string {
  const id = text.startsWith(`${collection}/`) ? text.slice(collection.length + 1) : text
  if (idPattern.test(id)) return `${collection}/${id}`
  throw fail('USAGE', `expected a name such as ${collection}/abc, got "${text}"`)
}

export const idOf = (name: string): string => name.slice(name.indexOf('/') + 1)

/** `RUNNING` and so on. */
export const stateName = (state: Job_State): string =>
  Job_StateSchema.value[state]?.localName ?? String(state)

const terminal = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED'])

export const hasEnded = ({ state }: Job): boolean => terminal.has(stateName(state))

export function stateTone(state: Job_State): Tone {
  const name = stateName(state)
  if (name === 'SUCCEEDED') return 'good'
  if (name === 'FAILED' || name === 'EXPIRED') return 'failed'
  return name === 'CANCELLED' ? 'attention' : 'working'
}

/** The word that must stand wherever a result of a simulated enclave is shown. */
export const tierText = (tee: string): string => (tee === 'simulated' ? 'SIMULATED' : tee)

const tierTone = ({ tee }: Job): Tone | undefined => (tee === 'simulated' ? 'simulated' : undefined)

const verdictTone = ({ verdict }: Job): Tone | undefined =>
  verdict === 'valid' ? 'good' : verdict === 'invalid' ? 'failed' : undefined

export const jobView = (now: number): ListView<Job> => ({
  name: ({ name }) => name,
  columns: [
    { header: 'NAME', cell: ({ name }) => idOf(name) },
    {
      header: 'STATE',
      cell: ({ state }) => stateName(state),
      tone: ({ state }) => stateTone(state),
    },
    { header: 'VERDICT', cell: ({ verdict }) => verdict, tone: verdictTone },
    { header: 'TEE', cell: ({ tee }) => tierText(tee), tone: tierTone },
    { header: 'WORKER', cell: ({ worker }) => idOf(worker) },
    { header: 'RECEIPT', cell: ({ receiptIndex }) => String(receiptIndex ?? ''), right: true },
    { header: 'AGE', cell: ({ createTime }) => age(now, createTime), right: true },
    { header: 'TOOK', cell: tookText, right: true, wide: true },
    { header: 'ATTEMPT', cell: ({ attempt }) => String(attempt), right: true, wide: true },
    { header: 'ERROR', cell: ({ errorCode }) => errorCode, wide: true },
    { header: 'SPEC', cell: ({ specSha256 }) => specSha256.slice(0, 12), wide: true },
  ],
  json: plain(JobSchema),
  empty: 'no jobs',
})

const tookText = ({ createTime, endTime }: Job): string =>
  createTime && endTime ? lengthText(timestampMs(endTime) - timestampMs(createTime)) : ''

export const eventView: ListView<JobEvent> = {
  name: ({ type }) => type,
  columns: [
    { header: 'TIME', cell: ({ time }) => timeText(time) },
    { header: 'SEQUENCE', cell: ({ sequence }) => String(sequence), right: true, wide: true },
    { header: 'ATTEMPT', cell: ({ attempt }) => (attempt ? String(attempt) : ''), right: true },
    { header: 'EVENT', cell: ({ type }) => type, tone: ({ state }) => stateTone(state) },
    { header: 'MESSAGE', cell: ({ message }) => message },
  ],
  json: plain(JobEventSchema),
  empty: 'no events',
}

type ItemChoice = {
  readonly format?: 'text' | 'json' | 'yaml' | 'name'
  readonly json?: true
  readonly quiet?: true
}

/** Prints one job in the form that was chosen. */
export function printJob(ui: Ui, choice: ItemChoice, job: Job): void {
  const format = chosen(choice, 'text')
  if (format === 'name') ui.print(job.name)
  else if (format === 'text') ui.print(jobDetails(ui, job))
  else ui.print(document(format, plain(JobSchema)(job)))
}

function jobDetails({ paint }: Ui, job: Job): string {
  const proof = job.spec?.work.case === 'proof' ? job.spec.work.value : undefined
  const verdict = job.verdictCode ? `${job.verdict} (${job.verdictCode})` : job.verdict
  return details(paint, [
    ['name', job.name, 'strong'],
    ['state', stateName(job.state), stateTone(job.state)],
    ['waiting', job.conditions.map(({ message }) => message).join('; '), 'attention'],
    ['verdict', verdict, verdictTone(job)],
    ['tee', tierText(job.tee), tierTone(job)],
    ['worker', idOf(job.worker)],
    ['attempt', job.attempt ? String(job.attempt) : ''],
    ['receipt', String(job.receiptIndex ?? '')],
    ['error', job.errorCode ? `${job.errorCode}: ${job.errorMessage}` : '', 'failed'],
    ['hint', job.errorHint],
    ['proof', proof ? `${proof.system} ${proof.curve} (${proof.encoding})` : ''],
    ['sealed', job.spec?.sealed?.inputs.join(', ') ?? ''],
    ['spec', `sha256:${job.specSha256}`],
    ['uid', job.uid],
    ['created', timeText(job.createTime)],
    ['started', timeText(job.startTime)],
    ['ended', timeText(job.endTime)],
    ['expires', hasEnded(job) ? '' : timeText(job.expireTime)],
  ])
}

/** Exit code for a job's end. A verdict `invalid` is a job that did what it was asked. */
export function exitCodeOfJob(job: Job): number {
  if (stateName(job.state) === 'SUCCEEDED') return exitCodes.ok
  return job.errorCode === 'NO_WORKER_FITS' ? exitCodes.unschedulable : exitCodes.failed
}

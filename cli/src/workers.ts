// How workers are shown.

import { type Worker, Worker_StateSchema, WorkerSchema } from '@vorta/api'
import { idOf, tierText } from './jobs.ts'
import { age, lengthText, plain, sizeText, timeText } from './messages.ts'
import { details, type ListView } from './output.ts'
import type { Tone, Ui } from './ui.ts'

const stateName = ({ state }: Worker): string =>
  Worker_StateSchema.value[state]?.localName ?? String(state)

function stateTone(worker: Worker): Tone {
  const name = stateName(worker)
  if (name === 'READY') return 'good'
  return name === 'LOST' ? 'failed' : 'attention'
}

const teeText = ({ tee, attestation }: Worker): string =>
  tierText(attestation?.simulated ? 'simulated' : (tee?.kind ?? ''))

const teeTone = (worker: Worker): Tone | undefined =>
  teeText(worker) === 'SIMULATED' ? 'simulated' : undefined

const acceptedText = ({ attestation }: Worker): string => {
  if (!attestation) return ''
  return attestation.accepted ? 'accepted' : `refused: ${attestation.errorCode}`
}

const acceptedTone = ({ attestation }: Worker): Tone | undefined =>
  attestation && (attestation.accepted ? 'good' : 'failed')

const slotsText = ({ usage }: Worker): string => (usage ? `${usage.running}/${usage.slots}` : '')

const proofsText = ({ tee }: Worker): string =>
  (tee?.proofs ?? [])
    .map(({ system, curves, proofsPerSecond }) => {
      const names = [system, ...curves].join(' ')
      return `${names} ${Math.round(proofsPerSecond)}/s`
    })
    .join(', ')

/** When its TCB stops being accepted; a question mark where the day is an estimate. */
const untilText = ({ forecast }: Worker): string =>
  forecast?.deadline ? `${timeText(forecast.deadline)}${forecast.estimated ? '?' : ''}` : ''

const untilTone = ({ forecast }: Worker): Tone | undefined =>
  forecast?.deadline && (forecast.estimated ? 'attention' : 'failed')

const lacksText = ({ forecast }: Worker): string =>
  (forecast?.shortfalls ?? [])
    .map(({ part, component, name, have, need }) => {
      const which = component > 0 ? `${part} ${component}` : part
      return `${which}${name ? ` (${name})` : ''} ${have}<${need}`
    })
    .join(', ')

export const workerView = (now: number): ListView<Worker> => ({
  name: ({ name }) => name,
  columns: [
    { header: 'NAME', cell: ({ name }) => idOf(name) },
    { header: 'STATE', cell: stateName, tone: stateTone },
    { header: 'TEE', cell: teeText, tone: teeTone },
    { header: 'TCB', cell: ({ attestation }) => attestation?.tcbStatus ?? '' },
    { header: 'ATTESTATION', cell: acceptedText, tone: acceptedTone },
    { header: 'SLOTS', cell: slotsText, right: true },
    { header: 'EPC FREE', cell: ({ usage }) => freeText(usage?.epcFreeBytes), right: true },
    { header: 'MEM FREE', cell: ({ usage }) => freeText(usage?.memoryFreeBytes), right: true },
    { header: 'SEEN', cell: ({ heartbeatTime }) => age(now, heartbeatTime), right: true },
    { header: 'TCB UNTIL', cell: untilText, tone: untilTone, wide: true },
    { header: 'LACKS', cell: lacksText, wide: true },
    { header: 'MEASUREMENT', cell: ({ tee }) => tee?.measurement.slice(0, 16) ?? '', wide: true },
    { header: 'PROOFS', cell: proofsText, wide: true },
    { header: 'DONE', cell: ({ succeeded }) => String(succeeded), right: true, wide: true },
    { header: 'FAILED', cell: ({ failed }) => String(failed), right: true, wide: true },
    { header: 'LATENCY', cell: ({ latencyMs }) => lengthText(latencyMs), right: true, wide: true },
    { header: 'VERSION', cell: ({ version }) => version, wide: true },
  ],
  json: plain(WorkerSchema),
  empty: 'no workers; start one with `make worker`',
})

const freeText = (bytes: bigint | undefined): string => (bytes === undefined ? '' : sizeText(bytes))

export function workerDetails({ paint, io }: Ui, worker: Worker): string {
  const { tee, usage, attestation } = worker
  return details(paint, [
    ['name', worker.name, 'strong'],
    ['state', stateName(worker), stateTone(worker)],
    ['tee', teeText(worker), teeTone(worker)],
    ['tcb status', attestation?.tcbStatus ?? ''],
    ['attestation', acceptedText(worker), acceptedTone(worker)],
    ['evidence', attestation ? `attestations/${attestation.evidenceSha256}` : ''],
    ['tcb until', untilText(worker), untilTone(worker)],
    ['lacks', lacksText(worker)],
    ['cordoned', worker.cordonReason, 'attention'],
    ['renew before', timeText(attestation?.expireTime)],
    ['measurement', tee?.measurement ?? ''],
    ['proofs', proofsText(worker)],
    ['slots', slotsText(worker)],
    [
      'epc',
      usage && tee ? `${sizeText(usage.epcFreeBytes)} of ${sizeText(tee.epcBytes)} free` : '',
    ],
    [
      'memory',
      usage ? `${sizeText(usage.memoryFreeBytes)} of ${sizeText(usage.memoryBytes)} free` : '',
    ],
    ['cache', usage ? sizeText(usage.cacheBytes) : ''],
    ['results', `${worker.succeeded} given, ${worker.failed} not`],
    ['latency', lengthText(worker.latencyMs)],
    ['version', worker.version],
    ['joined', timeText(worker.createTime)],
    ['last seen', `${age(io.now(), worker.heartbeatTime)} ago`],
  ])
}

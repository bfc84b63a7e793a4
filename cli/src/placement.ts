// Why a job went where it went, or why it can go nowhere.

import type { PlacementCandidate, PlacementReport } from '@vorta/api'
import { docsUrl } from '@vorta/api/errors'
import { idOf } from './jobs.ts'
import { type Column, columns, table } from './output.ts'
import type { Ui } from './ui.ts'

/**
 * Says why no worker fits: as an error, or as a warning for a job that goes on waiting.
 * `subject` is the job's name or its spec file.
 */
export function sayUnschedulable(
  ui: Ui,
  label: 'error' | 'warn',
  subject: string,
  report: PlacementReport,
): void {
  ui[label](`no worker can run ${subject}: ${report.evaluated} evaluated, 0 feasible`)
  const reasons = Object.entries(report.refused).sort(([, a], [, b]) => b - a)
  const rows = reasons.map(([code, count]) => {
    const example = report.candidates.find(({ reason }) => reason === code)
    return [`${count} × ${code}`, example ? `${example.message} (${idOf(example.worker)})` : '']
  })
  if (rows.length > 0) ui.say(columns(rows))
  ui.hint(hintFor(reasons[0]?.[0]))
  ui.docs(docsUrl('NO_WORKER_FITS'))
}

const hints: Readonly<Record<string, string>> = {
  INSUFFICIENT_EPC: 'lower resources.epc in the job spec',
  INSUFFICIENT_MEMORY: 'lower resources.memory in the job spec',
}

function hintFor(code: string | undefined): string {
  if (code === undefined) return 'no worker has joined; start one with `make worker`'
  const first = hints[code]
  const look = 'see `vorta-cli worker list -o wide`'
  return first === undefined ? look : `${first}, or ${look}`
}

const candidateColumns: readonly Column<PlacementCandidate>[] = [
  { header: 'WORKER', cell: ({ worker }) => idOf(worker) },
  {
    header: 'FITS',
    cell: ({ filteredBy }) => (filteredBy ? 'no' : 'yes'),
    tone: ({ filteredBy }) => (filteredBy ? 'attention' : 'good'),
  },
  {
    header: 'SCORE',
    cell: ({ filteredBy, score }) => (filteredBy ? '' : score.toFixed(3)),
    right: true,
  },
  {
    header: 'WHY',
    cell: ({ filteredBy, reason, message, terms }) =>
      filteredBy
        ? `${reason}: ${message}`
        : terms
            .map(({ plugin, score, weight }) => `${plugin} ${score.toFixed(2)}×${weight}`)
            .join(', '),
  },
]

/** The report as a table on stdout. */
export function printReport(ui: Ui, report: PlacementReport): void {
  const chosen = report.worker ? `, chosen ${idOf(report.worker)}` : ''
  ui.print(`${report.evaluated} evaluated, ${report.feasible} feasible${chosen}`)
  if (report.candidates.length > 0) {
    ui.print(table(ui.paint, candidateColumns, report.candidates))
  }
}

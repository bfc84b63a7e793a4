// One placement: filter, score, select, and a report of all three. Exact: every
// worker is looked at, and the best one wins; equal scores go to the smaller id,
// so that the same cluster always decides the same way.

import { filters } from './filters.ts'
import type { Refusal, Requirements, ScorePlugin, WorkerView } from './plugin.ts'

export type Term = { readonly plugin: string; readonly score: number; readonly weight: number }

export type Candidate = {
  readonly worker: string
  readonly filteredBy?: string
  readonly refusal?: Refusal
  readonly score?: number
  readonly terms?: readonly Term[]
}

/** Stored with the attempt as JSON; the API shows it as vorta.v1.PlacementReport. */
export type PlacementReport = {
  readonly attempt: number
  readonly evaluated: number
  readonly feasible: number
  readonly refused: Readonly<Record<string, number>>
  readonly worker?: string
  readonly candidates: readonly Candidate[]
  readonly time: number
}

// Enough to see the winner, the runners-up and some of each refusal.
const reportedCandidates = 10

export function place(
  job: Requirements,
  workers: readonly WorkerView[],
  plugins: readonly ScorePlugin[],
  context: { readonly attempt: number; readonly time: number },
): PlacementReport {
  const feasible: WorkerView[] = []
  const refusals: Candidate[] = []
  const refused: Record<string, number> = {}
  for (const worker of workers) {
    const candidate = firstRefusal(job, worker)
    if (!candidate) {
      feasible.push(worker)
      continue
    }
    refusals.push(candidate)
    const reason = candidate.refusal?.reason ?? ''
    refused[reason] = (refused[reason] ?? 0) + 1
  }
  const ranked = feasible
    .map((worker) => rate(job, worker, feasible, plugins))
    .sort((a, b) => b.score - a.score || (a.worker < b.worker ? -1 : 1))
  const winner = ranked[0]?.worker
  return {
    ...context,
    evaluated: workers.length,
    feasible: feasible.length,
    refused,
    ...(winner === undefined ? {} : { worker: winner }),
    candidates: [...ranked, ...refusals].slice(0, reportedCandidates),
  }
}

function firstRefusal(job: Requirements, worker: WorkerView): Candidate | undefined {
  for (const plugin of filters) {
    const refusal = plugin.filter(job, worker)
    if (refusal) return { worker: worker.id, filteredBy: plugin.name, refusal }
  }
  return undefined
}

function rate(
  job: Requirements,
  worker: WorkerView,
  feasible: readonly WorkerView[],
  plugins: readonly ScorePlugin[],
): Required<Pick<Candidate, 'worker' | 'score' | 'terms'>> {
  const terms = plugins.map(({ name, weight, score }) => ({
    plugin: name,
    weight,
    score: score(job, worker, feasible),
  }))
  return {
    worker: worker.id,
    score: terms.reduce((sum, term) => sum + term.score * term.weight, 0),
    terms,
  }
}

/** "3 evaluated, 0 feasible: 2 x INSUFFICIENT_EPC, 1 x WORKER_NOT_READY" */
export function summarize(report: PlacementReport): string {
  const reasons = Object.entries(report.refused).sort(([, a], [, b]) => b - a)
  const text = `${report.evaluated} evaluated, ${report.feasible} feasible`
  return reasons.length === 0
    ? text
    : `${text}: ${reasons.map(([reason, count]) => `${count} x ${reason}`).join(', ')}`
}

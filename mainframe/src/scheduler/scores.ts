// The scores. Each is a plain ratio in [0, 1], so that a placement can be
// explained in one line per term.

import { proofsPerSecond } from './filters.ts'
import type { ScorePlugin } from './plugin.ts'

/** What is not a number is the worst score, and never breaks the order of the others. */
const clamp = (value: number): number => (value > 0 ? Math.min(1, value) : 0)
const share = (part: number, whole: number): number => (whole > 0 ? clamp(part / whole) : 0)

// A worker at this round trip gets half of the latency score.
const halfLatencyMs = 20

export const scores: readonly ScorePlugin[] = [
  {
    name: 'LoadBalance',
    weight: 25,
    score: (_, worker) => 1 - share(worker.running, worker.slots),
  },
  {
    name: 'ProofThroughput',
    weight: 15,
    score: (job, worker, feasible) =>
      share(
        proofsPerSecond(job, worker),
        feasible.reduce((best, other) => Math.max(best, proofsPerSecond(job, other)), 0),
      ),
  },
  {
    // Laplace's rule: an unknown worker counts as one success and one failure.
    name: 'SuccessHistory',
    weight: 15,
    score: (_, worker) => (worker.succeeded + 1) / (worker.succeeded + worker.failed + 2),
  },
  {
    name: 'EpcHeadroom',
    weight: 10,
    score: (job, worker) => share(worker.epcFree - job.epc, worker.epc),
  },
  {
    name: 'TraceMemory',
    weight: 10,
    score: (job, worker) => share(worker.memoryFree - job.memory, worker.memory),
  },
  { name: 'Utilisation', weight: 10, score: (_, worker) => 1 - clamp(worker.cpu) },
  {
    name: 'ArtifactLocality',
    weight: 10,
    score: (job, worker) =>
      share(job.artifacts.filter(worker.hasArtifact).length, job.artifacts.length),
  },
  {
    name: 'NetworkLatency',
    weight: 5,
    score: (_, worker) => halfLatencyMs / (halfLatencyMs + worker.latencyMs),
  },
]

/** The plugins with configured weights in place of their own, scaled to sum to 1. */
export function weighted(
  configured: Readonly<Record<string, number | undefined>>,
): readonly ScorePlugin[] {
  const chosen = scores.map((plugin) => ({
    ...plugin,
    weight: configured[plugin.name] ?? plugin.weight,
  }))
  const sum = chosen.reduce((total, plugin) => total + plugin.weight, 0)
  return chosen.map((plugin) => ({
    ...plugin,
    weight: sum > 0 ? plugin.weight / sum : 1 / chosen.length,
  }))
}

// The metrics of the service: vorta_attestation_<what>_<unit>, base units, in a
// registry of its own process or of the mainframe it is part of.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export type ServiceMetrics = ReturnType<typeof createServiceMetrics>

export function createServiceMetrics(registry: Registry) {
  const registers = [registry]
  return {
    appraisals: new Counter({
      name: 'vorta_attestation_appraisals_total',
      help: 'Evidence appraised, by outcome, code of the first refusal, and policy.',
      labelNames: ['outcome', 'code', 'policy'],
      registers,
    }),
    appraisalSeconds: new Histogram({
      name: 'vorta_attestation_appraisal_seconds',
      help: 'Time to appraise evidence, until the result is on disk.',
      labelNames: ['outcome'],
      buckets: seconds,
      registers,
    }),
    challenges: new Counter({
      name: 'vorta_attestation_challenges_total',
      help: 'Challenges by what became of them: issued, used, or the code of a refusal.',
      labelNames: ['outcome'],
      registers,
    }),
    challengesOutstanding: new Gauge({
      name: 'vorta_attestation_challenges_outstanding',
      help: 'Challenges issued and neither used nor expired.',
      registers,
    }),
    underWay: new Gauge({
      name: 'vorta_attestation_appraisals_under_way',
      help: 'Appraisals begun and not ended.',
      registers,
    }),
    overloaded: new Counter({
      name: 'vorta_attestation_overloaded_total',
      help: 'Appraisals refused because too many were under way.',
      registers,
    }),
    collateral: new Counter({
      name: 'vorta_attestation_collateral_total',
      help: 'Collateral for quotes that came without it: found or missing.',
      labelNames: ['outcome'],
      registers,
    }),
  }
}

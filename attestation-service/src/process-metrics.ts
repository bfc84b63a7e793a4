// The metrics of a process of its own, beside those of the service.

import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export function createProcessMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, prefix: 'vorta_attestation_' })
  return {
    registry,
    callSeconds: new Histogram({
      name: 'vorta_attestation_rpc_seconds',
      help: 'Time to answer a call.',
      labelNames: ['method', 'code'],
      buckets: seconds,
      registers,
    }),
    callsRefused: new Counter({
      name: 'vorta_attestation_calls_refused_total',
      help: 'Calls refused before they were read.',
      labelNames: ['code'],
      registers,
    }),
  }
}

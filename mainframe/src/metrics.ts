// Every metric of the mainframe, in one place: vorta_mainframe_<what>_<unit>,
// base units, help text. prom-client keeps them; /metrics prints them.

import { codes } from '@vorta/core'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** A code that comes from outside as a label: who makes up codes makes up no new series. */
export const codeLabel = (code: string): string => (Object.hasOwn(codes, code) ? code : 'OTHER')

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'vorta_mainframe_' })
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `vorta_mainframe_${name}`, help, labelNames: [...labelNames], registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `vorta_mainframe_${name}`, help, labelNames: [...labelNames], registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Histogram({
      name: `vorta_mainframe_${name}`,
      help,
      labelNames: [...labelNames],
      buckets: seconds,
      registers,
    })

  const byWorker = {
    workerEpcFree: gauge('worker_epc_free_bytes', 'Free enclave page cache of a worker.', [
      'worker',
    ]),
    workerRunning: gauge('worker_running', 'Attempts at work on a worker.', ['worker']),
    workerCpu: gauge('worker_cpu_ratio', 'Processor use of a worker host, 0 to 1.', ['worker']),
    workerLatency: gauge('worker_latency_seconds', 'Round trip to a worker, smoothed.', ['worker']),
  }

  return {
    registry,
    rpcSeconds: histogram('rpc_seconds', 'Time to answer a call.', ['method', 'code']),
    jobsCreated: counter('jobs_created_total', 'Jobs stored.', []),
    jobsEnded: counter('jobs_ended_total', 'Jobs that reached a final state.', [
      'state',
      'verdict',
    ]),
    jobsLive: gauge('jobs_live', 'Jobs that have not ended, by state.', ['state']),
    jobSeconds: histogram('job_seconds', 'Submission to receipt of jobs that succeeded.', []),
    placements: counter('placements_total', 'Placement decisions.', ['outcome']),
    placementSeconds: histogram('placement_seconds', 'Time to place one job.', []),
    filtered: counter('placement_refusals_total', 'Workers refused by a filter.', ['reason']),
    attemptsLost: counter('attempts_lost_total', 'Attempts that ended without a result.', ['code']),
    resultsRefused: counter('results_refused_total', 'Results that failed appraisal.', ['code']),
    keyReleases: counter('key_releases_total', 'Key releases, by what became of them.', [
      'outcome',
    ]),
    jobsAwaitingKey: gauge(
      'jobs_awaiting_key',
      'Jobs whose enclave waits for the requester to release the key of the sealed inputs.',
      [],
    ),
    evidenceAppraised: counter('evidence_appraised_total', 'Evidence appraised.', [
      'outcome',
      'code',
    ]),
    replaySeconds: new Histogram({
      name: 'vorta_mainframe_policy_replay_seconds',
      help: 'Time to judge all that is stored by another policy or newer collateral.',
      labelNames: ['outcome'],
      buckets: [0.1, 1, 10, 60, 600, 3600],
      registers,
    }),
    callsRefused: counter('calls_refused_total', 'Calls refused before they were read.', ['code']),
    joinsRefused: counter('joins_refused_total', 'Connections refused before attestation.', [
      'code',
    ]),
    ownEvidence: counter('own_evidence_total', 'Evidence about the mainframe that was asked for.', [
      'code',
    ]),
    raTlsRefused: new Counter({
      name: 'vorta_ratls_refused_total',
      help: 'Connections whose RA-TLS certificate was not genuine, or not accepted.',
      labelNames: ['code'],
      registers,
    }),
    tcbGrace: new Gauge({
      name: 'vorta_tcb_grace_seconds_remaining',
      help: 'Time until the TCB of a worker stops being accepted; only workers that this is known of.',
      labelNames: ['worker'],
      registers,
    }),
    collateralFetches: counter(
      'collateral_fetches_total',
      'Requests for a set of collateral, by endpoint and what came of it.',
      ['endpoint', 'code'],
    ),
    collateralExpires: new Gauge({
      name: 'vorta_collateral_expires_seconds',
      help: 'Time until the collateral at hand runs out; negative once it has.',
      labelNames: ['tee', 'fmspc', 'ca', 'update'],
      registers,
    }),
    collateralAge: new Gauge({
      name: 'vorta_collateral_age_seconds',
      help: 'Time since the collateral at hand was fetched.',
      labelNames: ['tee', 'fmspc', 'ca', 'update'],
      registers,
    }),
    secretReleases: new Counter({
      name: 'vorta_secret_releases_total',
      help: 'Secrets asked for by enclaves; code OK where one was released.',
      labelNames: ['code'],
      registers,
    }),
    workers: gauge('workers', 'Workers by state.', ['state']),
    ...byWorker,
    logSize: gauge('log_size', 'Entries in the transparency log.', []),
    simulatedAccepted: gauge(
      'simulated_accepted',
      '1 where the policy accepts SIMULATED enclaves, whose receipts prove nothing about hardware.',
      [],
    ),
    commitSeconds: histogram(
      'log_append_seconds',
      'Time to appraise, log and commit a batch of results.',
      [],
    ),
    /** A worker that is gone has no load. */
    forgetWorker: (worker: string): void => {
      for (const metric of Object.values(byWorker)) metric.remove({ worker })
    },
  }
}

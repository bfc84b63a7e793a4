// The filters, cheapest and most telling first: a report names the first one
// that refused a worker.

import type { FilterPlugin, Requirements, WorkerView } from './plugin.ts'

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

const speed = (job: Requirements, worker: WorkerView): number =>
  worker.proofs.find((proof) => proof.system === job.system && proof.curves.includes(job.curve))
    ?.proofsPerSecond ?? 0

export const proofsPerSecond = speed

export const filters: readonly FilterPlugin[] = [
  {
    name: 'WorkerReady',
    filter: (_, worker) => {
      if (worker.draining) return { reason: 'WORKER_DRAINING', message: 'takes no more work' }
      return worker.ready
        ? undefined
        : { reason: 'WORKER_NOT_READY', message: 'not connected, or its enclave is not up' }
    },
  },
  {
    name: 'RequestedWorker',
    filter: (job, worker) =>
      job.workers.length === 0 || job.workers.includes(worker.id)
        ? undefined
        : { reason: 'WORKER_NOT_REQUESTED', message: `the job asks for ${job.workers.join(', ')}` },
  },
  {
    name: 'TeeCapability',
    filter: (job, worker) =>
      job.tees.length === 0 || job.tees.includes(worker.tee)
        ? undefined
        : {
            reason: 'TEE_NOT_REQUESTED',
            message: `has ${worker.tee}, the job asks for ${job.tees.join(', ')}`,
          },
  },
  {
    name: 'AttestationStatus',
    filter: (_, worker) =>
      worker.attested
        ? undefined
        : {
            reason: worker.attestationCode || 'NOT_ATTESTED',
            message: 'its enclave is not accepted by the policy',
          },
  },
  {
    name: 'QuoteAbility',
    filter: (_, worker) =>
      worker.quotes ? undefined : { reason: 'NO_QUOTES', message: 'cannot make quotes at present' },
  },
  {
    name: 'ProofReadiness',
    filter: (job, worker) =>
      speed(job, worker) > 0
        ? undefined
        : {
            reason: 'PROOF_SYSTEM_NOT_READY',
            message: `has no verifier for ${job.system} on ${job.curve}`,
          },
  },
  {
    name: 'FreeSlot',
    filter: (_, worker) =>
      worker.running < worker.slots
        ? undefined
        : { reason: 'NO_FREE_SLOT', message: `all ${worker.slots} slots are taken` },
  },
  {
    name: 'EpcFree',
    filter: (job, worker) =>
      job.epc <= worker.epcFree
        ? undefined
        : {
            reason: 'INSUFFICIENT_EPC',
            message: `needs ${mebibytes(job.epc)}, free ${mebibytes(worker.epcFree)}`,
          },
  },
  {
    name: 'TraceMemory',
    filter: (job, worker) =>
      job.memory <= worker.memoryFree
        ? undefined
        : {
            reason: 'INSUFFICIENT_MEMORY',
            message: `needs ${mebibytes(job.memory)} with its trace, free ${mebibytes(worker.memoryFree)}`,
          },
  },
]

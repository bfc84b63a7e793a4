// Workers and jobs as the scheduler sees them, for tests.

import type { Requirements, WorkerView } from '../scheduler/plugin.ts'

export const testNeeds = (members: Partial<Requirements> = {}): Requirements => ({
  tees: [],
  workers: [],
  system: 'groth16',
  curve: 'bn254',
  memory: 0,
  epc: 0,
  artifacts: [],
  ...members,
})

export const testView = (id: string, members: Partial<WorkerView> = {}): WorkerView => ({
  id,
  ready: true,
  draining: false,
  tee: 'sgx',
  quotes: true,
  attested: true,
  attestationCode: '',
  proofs: [{ system: 'groth16', curves: ['bn254'], proofsPerSecond: 100 }],
  memory: 1000,
  memoryFree: 1000,
  epc: 1000,
  epcFree: 1000,
  cpu: 0,
  slots: 4,
  running: 0,
  succeeded: 0,
  failed: 0,
  latencyMs: 0,
  hasArtifact: () => false,
  ...members,
})

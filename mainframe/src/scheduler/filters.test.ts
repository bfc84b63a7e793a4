import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { testNeeds, testView } from '../testkit/views.ts'
import { filters } from './filters.ts'
import type { Requirements, WorkerView } from './plugin.ts'

const cases: [
  filter: string,
  reason: string,
  job: Partial<Requirements>,
  worker: Partial<WorkerView>,
][] = [
  ['WorkerReady', 'WORKER_NOT_READY', {}, { ready: false }],
  ['WorkerReady', 'WORKER_DRAINING', {}, { draining: true }],
  ['RequestedWorker', 'WORKER_NOT_REQUESTED', { workers: ['w2', 'w3'] }, {}],
  ['TeeCapability', 'TEE_NOT_REQUESTED', { tees: ['tdx', 'simulated'] }, {}],
  ['AttestationStatus', 'NOT_ATTESTED', {}, { attested: false }],
  [
    'AttestationStatus',
    'TCB_STATUS_REJECTED',
    {},
    { attested: false, attestationCode: 'TCB_STATUS_REJECTED' },
  ],
  ['QuoteAbility', 'NO_QUOTES', {}, { quotes: false }],
  ['ProofReadiness', 'PROOF_SYSTEM_NOT_READY', { system: 'plonk' }, {}],
  ['ProofReadiness', 'PROOF_SYSTEM_NOT_READY', { curve: 'bls12-381' }, {}],
  ['FreeSlot', 'NO_FREE_SLOT', {}, { running: 4 }],
  ['FreeSlot', 'NO_FREE_SLOT', {}, { slots: 0, running: 0 }],
  ['EpcFree', 'INSUFFICIENT_EPC', { epc: 101 }, { epcFree: 100 }],
  ['TraceMemory', 'INSUFFICIENT_MEMORY', { memory: 101 }, { memoryFree: 100 }],
]

suite('the filters', () => {
  const refusals = (job: Requirements, worker: WorkerView) =>
    filters.flatMap(({ name, filter }) => {
      const refusal = filter(job, worker)
      return refusal ? [{ name, ...refusal }] : []
    })

  test('let a worker pass that has everything, to the last byte', () => {
    assert.deepEqual(refusals(testNeeds(), testView('w1')), [])
    const exactly = { epc: 100, memory: 100, workers: ['w1'], tees: ['sgx'] }
    assert.deepEqual(
      refusals(testNeeds(exactly), testView('w1', { epcFree: 100, memoryFree: 100, running: 3 })),
      [],
    )
  })

  for (const [name, reason, job, worker] of cases) {
    test(`${name} alone refuses ${reason}: ${JSON.stringify({ ...job, ...worker })}`, () => {
      const [found, ...more] = refusals(testNeeds(job), testView('w1', worker))
      assert.equal(found?.name, name)
      assert.equal(found?.reason, reason)
      assert.ok(found?.message)
      assert.deepEqual(more, [])
    })
  }
})

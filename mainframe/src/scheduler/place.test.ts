import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { testNeeds, testView } from '../testkit/views.ts'
import { filters } from './filters.ts'
import { type PlacementReport, place, summarize } from './place.ts'
import type { Requirements, WorkerView } from './plugin.ts'
import { scores, weighted } from './scores.ts'

const context = { attempt: 1, time: 0 }

const mostly = fc.nat({ max: 9 }).map((die) => die > 0)

const anyWorker = (id: string): fc.Arbitrary<WorkerView> =>
  fc
    .record({
      ready: mostly,
      draining: mostly.map((not) => !not),
      tee: fc.constantFrom('sgx', 'tdx', 'simulated'),
      attested: mostly,
      // Few values, so that there are ties.
      speed: fc.constantFrom(0, 50, 50, 100, 100),
      memoryFree: fc.constantFrom(500, 500, 1000),
      epcFree: fc.constantFrom(500, 500, 1000),
      cpu: fc.constantFrom(0, 0.5, 1),
      slots: fc.constantFrom(1, 4, 4, 8),
      running: fc.constantFrom(0, 0, 1, 3),
      succeeded: fc.constantFrom(0, 5, 100),
      failed: fc.constantFrom(0, 5),
      latencyMs: fc.constantFrom(0, 20, 200),
      cached: fc.boolean(),
    })
    .map(({ speed, cached, ...view }) =>
      testView(id, {
        ...view,
        proofs: [{ system: 'groth16', curves: ['bn254'], proofsPerSecond: speed }],
        hasArtifact: () => cached,
      }),
    )

const anyCluster = (largest: number) =>
  fc
    .integer({ min: 0, max: largest })
    .chain((size) =>
      fc.tuple(...Array.from({ length: size }, (_, index) => anyWorker(`w${index}`))),
    )

const anyJob: fc.Arbitrary<Requirements> = fc
  .record({
    tees: fc.constantFrom([], ['sgx'], ['sgx', 'tdx']),
    workers: fc.constantFrom([], [], [], ['w0', 'w2']),
    memory: fc.constantFrom(0, 400, 900),
    epc: fc.constantFrom(0, 400),
    artifacts: fc.constantFrom([], ['a', 'b']),
  })
  .map(testNeeds)

/** The same decision in the plainest words: look at all, keep the best. */
function naive(job: Requirements, workers: readonly WorkerView[]): string | undefined {
  const feasible = workers.filter((worker) =>
    filters.every(({ filter }) => filter(job, worker) === undefined),
  )
  let best: { id: string; score: number } | undefined
  for (const worker of feasible) {
    let score = 0
    for (const plugin of scores) score += plugin.score(job, worker, feasible) * plugin.weight
    const wins = !best || score > best.score || (score === best.score && worker.id < best.id)
    if (wins) best = { id: worker.id, score }
  }
  return best?.id
}

suite('a placement', () => {
  test('is the best worker there is: 10,000 decisions against a naive one', () => {
    let placed = 0
    fc.assert(
      fc.property(anyJob, anyCluster(8), (job, workers) => {
        const report = place(job, workers, scores, context)
        assert.equal(report.worker, naive(job, workers))
        if (report.worker) placed++
      }),
      { numRuns: 10_000 },
    )
    assert.ok(placed > 3000, `the clusters are no trivial ones: ${placed} placed`)
  })

  test('adds up: evaluated = feasible + refused, and the terms make the score', () => {
    fc.assert(
      fc.property(anyJob, anyCluster(20), (job, workers) => {
        const report = place(job, workers, weighted({}), context)
        const refused = Object.values(report.refused).reduce((sum, count) => sum + count, 0)
        assert.equal(report.evaluated, workers.length)
        assert.equal(report.feasible + refused, report.evaluated)
        assert.equal(report.worker === undefined, report.feasible === 0)
        assert.ok(report.candidates.length <= 10)
        for (const { score, terms = [], refusal } of report.candidates) {
          assert.notEqual(score === undefined, refusal === undefined)
          if (score === undefined) continue
          const sum = terms.reduce((total, term) => total + term.score * term.weight, 0)
          assert.equal(score, sum)
          assert.ok(score >= 0 && score <= 1 + 1e-12)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('does not depend on the order of the workers', () => {
    const shuffled = anyCluster(8).chain((workers) =>
      fc.tuple(fc.constant(workers), fc.shuffledSubarray(workers, { minLength: workers.length })),
    )
    fc.assert(
      fc.property(anyJob, shuffled, (job, [workers, others]) => {
        const [a, b] = [workers, others].map((all) => place(job, all, scores, context))
        assert.equal(a?.worker, b?.worker)
        assert.deepEqual(a?.refused, b?.refused)
      }),
      { numRuns: 1000 },
    )
  })

  test('goes to the smaller id where scores are equal', () => {
    const workers = ['w3', 'w1', 'w2'].map((id) => testView(id))
    assert.equal(place(testNeeds(), workers, scores, context).worker, 'w1')
  })

  test('reports the winner first, then the runners-up, then the refused', () => {
    const workers = [
      testView('busy', { running: 3 }),
      testView('gone', { ready: false }),
      testView('free'),
    ]
    const report = place(testNeeds(), workers, scores, { attempt: 3, time: 42 })
    assert.deepEqual(
      report.candidates.map(({ worker, filteredBy }) => [worker, filteredBy]),
      [
        ['free', undefined],
        ['busy', undefined],
        ['gone', 'WorkerReady'],
      ],
    )
    assert.deepEqual([report.attempt, report.time], [3, 42])
  })

  test('is summarised with its reasons, the most frequent first', () => {
    const refused = { NO_FREE_SLOT: 1, WORKER_NOT_READY: 2 }
    const report = { evaluated: 3, feasible: 0, refused } as unknown as PlacementReport
    assert.equal(
      summarize(report),
      '3 evaluated, 0 feasible: 2 x WORKER_NOT_READY, 1 x NO_FREE_SLOT',
    )
    assert.equal(summarize({ ...report, feasible: 3, refused: {} }), '3 evaluated, 3 feasible')
  })
})

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { testNeeds, testView } from '../testkit/views.ts'
import { scores, weighted } from './scores.ts'

const scoreOf = (name: string, ...args: Parameters<(typeof scores)[number]['score']>): number => {
  const plugin = scores.find((score) => score.name === name)
  assert.ok(plugin, name)
  return plugin.score(...args)
}

suite('the scores', () => {
  test('lie from 0 to 1, whatever a worker says of itself', () => {
    const anyNumber = fc.oneof(
      fc.double(),
      fc.constantFrom(0, -0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    )
    const fromZero = fc.nat()
    const anyView = fc
      .record({
        memory: anyNumber,
        memoryFree: anyNumber,
        epc: anyNumber,
        epcFree: anyNumber,
        cpu: anyNumber,
        slots: anyNumber,
        running: fromZero,
        succeeded: fromZero,
        failed: fromZero,
        latencyMs: fc.double({ min: 0, noNaN: true }),
        speed: anyNumber,
      })
      .map(({ speed, ...view }) => {
        const proofs = [{ system: 'groth16', curves: ['bn254'], proofsPerSecond: speed }]
        return testView('w1', { ...view, proofs })
      })
    fc.assert(
      fc.property(anyView, anyView, fc.nat(), (worker, other, memory) => {
        for (const { name, score } of scores) {
          const value = score(testNeeds({ memory, artifacts: ['a'] }), worker, [worker, other])
          assert.ok(value >= 0 && value <= 1, `${name}: ${value}`)
        }
      }),
      { numRuns: 2000 },
    )
  })

  for (const [name, worse, better] of [
    ['LoadBalance', { running: 3 }, { running: 1 }],
    ['SuccessHistory', { succeeded: 5, failed: 5 }, { succeeded: 5, failed: 1 }],
    ['EpcHeadroom', { epcFree: 100 }, { epcFree: 900 }],
    ['TraceMemory', { memoryFree: 100 }, { memoryFree: 900 }],
    ['Utilisation', { cpu: 0.9 }, { cpu: 0.1 }],
    ['ArtifactLocality', {}, { hasArtifact: () => true }],
    ['NetworkLatency', { latencyMs: 80 }, { latencyMs: 20 }],
    [
      'ProofThroughput',
      { proofs: [{ system: 'groth16', curves: ['bn254'], proofsPerSecond: 10 }] },
      {},
    ],
  ] as const) {
    test(`${name} prefers ${JSON.stringify(better)} to ${JSON.stringify(worse)}`, () => {
      const [bad, good] = [testView('a', worse), testView('b', better)]
      const job = testNeeds({ artifacts: ['x'] })
      const all = [bad, good]
      assert.ok(scoreOf(name, job, bad, all) < scoreOf(name, job, good, all))
    })
  }

  test('take an unknown worker for neither good nor bad', () => {
    const worker = testView('w1')
    assert.equal(scoreOf('SuccessHistory', testNeeds(), worker, [worker]), 0.5)
  })
})

suite('weights', () => {
  const sum = (plugins: readonly { weight: number }[]) =>
    plugins.reduce((total, { weight }) => total + weight, 0)

  test('are scaled to sum to 1, whatever is configured', () => {
    const weight = fc.double({ min: 0, max: 1000, noNaN: true })
    const names = fc.constantFrom(...scores.map(({ name }) => name))
    fc.assert(
      fc.property(fc.dictionary(names, weight), (configured) => {
        const chosen = weighted(configured)
        assert.ok(Math.abs(sum(chosen) - 1) < 1e-9)
        assert.ok(chosen.every((plugin) => plugin.weight >= 0))
      }),
    )
  })

  test('keep their proportions, and 0 turns a score off', () => {
    const chosen = weighted({ LoadBalance: 0, NetworkLatency: 10, ProofThroughput: undefined })
    const of = (name: string) => chosen.find((plugin) => plugin.name === name)?.weight ?? -1
    assert.equal(of('LoadBalance'), 0)
    assert.ok(Math.abs(of('NetworkLatency') / of('EpcHeadroom') - 1) < 1e-9)
    assert.ok(Math.abs(of('ProofThroughput') / of('EpcHeadroom') - 1.5) < 1e-9)
  })

  test('are equal where all are configured as 0', () => {
    const none = Object.fromEntries(scores.map(({ name }) => [name, 0]))
    for (const { weight } of weighted(none)) assert.equal(weight, 1 / scores.length)
  })
})

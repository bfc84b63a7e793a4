import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import fc from 'fast-check'
import { type CurveName, curves } from '../curves.ts'
import type { Groth16Engine } from '../groth16/engine.ts'
import type { Proof, VerificationKey } from '../groth16/points.ts'
import { curveNames, sample, secrets } from '../testkit/samples.ts'
import { bnTwistPointOfOrder, strayBlsG1, twistPoint } from '../testkit/stray-points.ts'
import {
  fromNobleG1,
  fromNobleG2,
  g1,
  holds,
  noble,
  toNobleG1,
  toNobleG2,
  trapdoorKey,
  trapdoorProof,
} from '../testkit/trapdoor.ts'
import { createMclEngine } from './engine.ts'
import { loadMcl } from './module.ts'

const engines = new Map<CurveName, Groth16Engine>()
before(async () => {
  // Both at once: two instances must not disturb each other.
  for (const name of curveNames)
    engines.set(name, createMclEngine(curves[name], await loadMcl(name)))
})

/** The engine's verdict on a proof: 'valid' or the fault. */
function judge(
  curve: CurveName,
  key: VerificationKey,
  proof: Proof,
  inputs: readonly bigint[],
): string {
  const prepared = engines.get(curve)!.prepare(key)
  try {
    const verdict = prepared.verify(proof, inputs)
    return verdict.verdict === 'valid' ? 'valid' : verdict.code
  } finally {
    prepared.release()
  }
}

for (const curve of curveNames) {
  const { r } = curves[curve]
  const scalar = fc.bigInt({ min: 1n, max: r - 1n })
  const { key, proof, inputs } = sample(curve)

  describe(`mcl on ${curve}`, () => {
    test('agrees with @noble/curves on random proofs and alterations of them', () => {
      const alteration = fc.constantFrom(
        'none',
        'negate A and B',
        'scale A and B',
        'shift B and C',
        'input + 1',
        'swap A and C',
        'negate A',
        'double B',
        'add to C',
        'swap inputs',
      )
      const equivalent = ['none', 'negate A and B', 'scale A and B', 'shift B and C']
      fc.assert(
        fc.property(
          fc.array(scalar, { minLength: 11, maxLength: 11 }),
          fc.bigInt({ min: 0n, max: r - 1n }),
          alteration,
          (random, firstInput, altered) => {
            const [alpha, beta, gamma, delta, ic0, ic1, ic2, a, b, secondInput, k] = random as [
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
              bigint,
            ]
            const setup = { alpha, beta, gamma, delta, ic: [ic0, ic1, ic2] }
            const randomKey = trapdoorKey(curve, setup)
            const x = [firstInput, secondInput]
            const honest = trapdoorProof(curve, setup, x, a, b)
            const { proof: shown, inputs: said } = alter(curve, altered, honest, x, randomKey, k)
            const expected = holds(curve, randomKey, shown, said)
            if (equivalent.includes(altered)) assert.equal(expected, true)
            const got = judge(curve, randomKey, shown, said)
            assert.equal(got, expected ? 'valid' : 'PAIRING_MISMATCH', altered)
          },
        ),
        { numRuns: 12 },
      )
    })

    test('takes inputs 0 and r - 1, and many of them', () => {
      const ic = Array.from({ length: 41 }, (_, index) => BigInt(index + 5))
      const wide = { ...secrets, ic }
      const wideKey = trapdoorKey(curve, wide)
      const values = ic.slice(1).map((_, index) => (index % 2 === 0 ? 0n : r - 1n))
      const wideProof = trapdoorProof(curve, wide, values, 3n, 5n)
      assert.equal(judge(curve, wideKey, wideProof, values), 'valid')
      assert.equal(judge(curve, wideKey, wideProof, values.with(40 - 1, 1n)), 'PAIRING_MISMATCH')
    })

    test('takes a statement without public inputs', () => {
      const closed = { ...secrets, ic: [0x1c0n] }
      const closedProof = trapdoorProof(curve, closed, [], 3n, 5n)
      assert.equal(judge(curve, trapdoorKey(curve, closed), closedProof, []), 'valid')
    })

    test('takes public inputs whose sum of points is infinity', () => {
      const cancelling = { ...secrets, ic: [6n, 2n] }
      const x = [r - 3n]
      const cancelled = trapdoorProof(curve, cancelling, x, 3n, 5n)
      const cancellingKey = trapdoorKey(curve, cancelling)
      assert.equal(holds(curve, cancellingKey, cancelled, x), true)
      assert.equal(judge(curve, cancellingKey, cancelled, x), 'valid')
      assert.equal(judge(curve, cancellingKey, cancelled, [r - 4n]), 'PAIRING_MISMATCH')
    })

    test('P3: names a B on the curve outside the group', () => {
      const stray = fromNobleG2(twistPoint(curve, 1n))
      assert.equal(judge(curve, key, { ...proof, b: stray }, inputs), 'POINT_NOT_IN_SUBGROUP')
    })

    test('P3: names points off the curve', () => {
      const { a, b, c } = proof
      for (const off of [
        { ...proof, a: { x: a.x, y: (a.y + 1n) % curves[curve].p } },
        { ...proof, a: { x: 0n, y: 0n } },
        { ...proof, b: { x: b.x, y: [b.y[1], b.y[0]] as const } },
        { ...proof, b: { x: [0n, 0n] as const, y: [0n, 0n] as const } },
        { ...proof, c: { x: c.y, y: c.x } },
      ]) {
        assert.equal(judge(curve, key, off, inputs), 'POINT_NOT_ON_CURVE')
      }
    })

    test('K3: refuses a key with a point off the curve or outside the group', () => {
      const offG1 = { x: 1n, y: 1n }
      const strayG2 = fromNobleG2(twistPoint(curve, 2n))
      const offG2 = { x: strayG2.y, y: strayG2.x }
      for (const change of [
        { alpha: offG1 },
        { beta: offG2 },
        { beta: strayG2 },
        { gamma: offG2 },
        { gamma: strayG2 },
        { delta: offG2 },
        { delta: strayG2 },
        { ic: key.ic.with(0, offG1) },
        { ic: key.ic.with(2, offG1) },
      ]) {
        assert.throws(() => engines.get(curve)!.prepare({ ...key, ...change }), {
          code: 'KEY_POINT_INVALID',
        })
      }
    })

    test('K3: refuses a key whose alphaBeta is not e(alpha, beta)', () => {
      const pairing = noble[curve].pairing(toNobleG1(curve, key.alpha), toNobleG2(curve, key.beta))
      const alphaBeta = [pairing.c0, pairing.c1]
        .flatMap(({ c0, c1, c2 }) => [c0, c1, c2])
        .flatMap(({ c0, c1 }) => [c0, c1])
      const engine = engines.get(curve)!
      engine.prepare({ ...key, alphaBeta }).release()
      for (const index of alphaBeta.keys()) {
        const wrong = alphaBeta.with(index, (alphaBeta[index]! + 1n) % curves[curve].p)
        assert.throws(() => engine.prepare({ ...key, alphaBeta: wrong }), {
          code: 'KEY_INCONSISTENT',
        })
      }
    })
  })
}

test('gives back the memory of released and of refused keys', async () => {
  const mcl = await loadMcl('bn254')
  const engine = createMclEngine(curves.bn254, mcl)
  const { key } = sample('bn254')
  const refused = { ...key, ic: key.ic.with(2, { x: 1n, y: 1n }) }
  engine.prepare(key).release()
  const size = mcl.wasmMemory.buffer.byteLength
  // A key takes 50 kB: without `free` the memory would have to grow.
  for (let round = 0; round < 30; round++) {
    engine.prepare(key).release()
    assert.throws(() => engine.prepare(refused), { code: 'KEY_POINT_INVALID' })
  }
  assert.equal(mcl.wasmMemory.buffer.byteLength, size)
})

test('goes on judging while the memory grows', async () => {
  const mcl = await loadMcl('bn254')
  const engine = createMclEngine(curves.bn254, mcl)
  const { key, proof, inputs } = sample('bn254')
  const size = mcl.wasmMemory.buffer.byteLength
  const first = engine.prepare(key)
  while (mcl.wasmMemory.buffer.byteLength === size) engine.prepare(key)
  assert.equal(first.verify(proof, inputs).verdict, 'valid')
  assert.equal(engine.prepare(key).verify(proof, inputs.toReversed()).verdict, 'invalid')
})

describe('P4: points of small order', () => {
  // Prime factors of the cofactor of BN254's twist.
  for (const order of [10069n, 5864401n]) {
    test(`names a B of order ${order}, alone and added to an honest one`, () => {
      const { key, proof, inputs } = sample('bn254')
      const small = bnTwistPointOfOrder(order)
      const mixed = toNobleG2('bn254', proof.b).add(small)
      for (const b of [fromNobleG2(small), fromNobleG2(mixed)]) {
        assert.equal(judge('bn254', key, { ...proof, b }, inputs), 'POINT_NOT_IN_SUBGROUP')
      }
    })
  }

  test('names an A or C of BLS12-381 outside the group, and refuses a key with one', () => {
    const { key, proof, inputs } = sample('bls12-381')
    const stray = strayBlsG1(1n)
    const mixed = fromNobleG1(toNobleG1('bls12-381', proof.a).add(stray))
    for (const change of [{ a: fromNobleG1(stray) }, { a: mixed }, { c: fromNobleG1(stray) }]) {
      assert.equal(
        judge('bls12-381', key, { ...proof, ...change }, inputs),
        'POINT_NOT_IN_SUBGROUP',
      )
    }
    for (const change of [{ alpha: mixed }, { ic: key.ic.with(1, mixed) }]) {
      assert.throws(() => engines.get('bls12-381')!.prepare({ ...key, ...change }), {
        code: 'KEY_POINT_INVALID',
      })
    }
  })
})

/** A proof or statement changed in one way; `k` is a random scalar. */
function alter(
  curve: CurveName,
  how: string,
  proof: Proof,
  inputs: readonly bigint[],
  key: VerificationKey,
  k: bigint,
): { readonly proof: Proof; readonly inputs: readonly bigint[] } {
  const { r } = curves[curve]
  const { Fr } = noble[curve].fields
  const a = toNobleG1(curve, proof.a)
  const b = toNobleG2(curve, proof.b)
  const c = toNobleG1(curve, proof.c)
  const changed = (change: Partial<Proof>) => ({ proof: { ...proof, ...change }, inputs })
  switch (how) {
    case 'negate A and B':
      return changed({ a: fromNobleG1(a.negate()), b: fromNobleG2(b.negate()) })
    case 'scale A and B':
      return changed({
        a: fromNobleG1(a.multiply(k)),
        b: fromNobleG2(b.multiply(Fr.inv(k))),
      })
    case 'shift B and C':
      return changed({
        b: fromNobleG2(b.add(toNobleG2(curve, key.delta).multiply(k))),
        c: fromNobleG1(c.add(a.multiply(k))),
      })
    case 'input + 1':
      return { proof, inputs: inputs.with(0, (inputs[0]! + 1n) % r) }
    case 'swap inputs':
      return { proof, inputs: inputs.toReversed() }
    case 'swap A and C':
      return changed({ a: proof.c, c: proof.a })
    case 'negate A':
      return changed({ a: fromNobleG1(a.negate()) })
    case 'double B':
      return changed({ b: fromNobleG2(b.double()) })
    case 'add to C':
      return changed({ c: fromNobleG1(c.add(toNobleG1(curve, g1(curve, k)))) })
    default:
      return { proof, inputs }
  }
}

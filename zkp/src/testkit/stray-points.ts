// Points on the curves outside the prime-order groups, for tests. Doubling and
// adding by hand, because noble's multiply is for scalars below the order.

import type { CurveName } from '../curves.ts'
import { type NobleG1, type NobleG2, noble } from './trapdoor.ts'

type Group<P> = { add(other: P): P; double(): P }

function times<P extends Group<P>>(point: P, zero: P, scalar: bigint): P {
  let sum = zero
  for (const bit of scalar.toString(2)) {
    sum = sum.double()
    if (bit === '1') sum = sum.add(point)
  }
  return sum
}

/** A point of the twist with x = seed + n·u for the first n that has one. */
export function twistPoint(curve: CurveName, seed: bigint): NobleG2 {
  const { G2, fields } = noble[curve]
  const { Fp2 } = fields
  for (let n = 1n; ; n++) {
    const x = Fp2.create({ c0: seed, c1: n })
    const y = root(Fp2, Fp2.add(Fp2.mul(Fp2.sqr(x), x), G2.Point.CURVE().b))
    if (y) return G2.Point.fromAffine({ x, y })
  }
}

/** A point of E(Fp) on BLS12-381, whose cofactor is not 1. */
export function strayBlsG1(seed: bigint): NobleG1 {
  const { G1, fields } = noble['bls12-381']
  const { Fp } = fields
  for (let x = seed; ; x++) {
    const y = root(Fp, Fp.add(Fp.mul(Fp.sqr(x), x), G1.Point.CURVE().b))
    if (y) return G1.Point.fromAffine({ x, y })
  }
}

/** A point of BN254's twist whose order is exactly this prime factor of the cofactor 2p - r. */
export function bnTwistPointOfOrder(order: bigint): NobleG2 {
  const { G2, fields } = noble.bn254
  const cofactor = 2n * fields.Fp.ORDER - fields.Fr.ORDER
  const { ZERO } = G2.Point
  for (let seed = 1n; ; seed++) {
    const point = times(twistPoint('bn254', seed), ZERO, (fields.Fr.ORDER * cofactor) / order)
    if (!times(point, ZERO, order).equals(ZERO)) throw new Error(`${order} is no factor`)
    if (!point.equals(ZERO)) return point
  }
}

type SquareRoots<T> = { sqrt(value: T): T }

function root<T>(field: SquareRoots<T>, value: T): T | undefined {
  try {
    return field.sqrt(value)
  } catch {
    return undefined // noble says "no square root" by throwing
  }
}

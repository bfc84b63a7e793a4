// Groth16 proofs without a circuit, for tests: who knows the setup's secrets
// can prove anything, so any number of valid proofs costs one multiplication
// each. The arithmetic is @noble/curves, which shares no code with the
// engines, and `holds` judges the equation with it as an independent oracle.

import type { BlsCurvePair } from '@noble/curves/abstract/bls.js'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bn254 } from '@noble/curves/bn254.js'
import type { CurveName } from '../curves.ts'
import type { G1, G2, Proof, VerificationKey } from '../groth16/points.ts'

export type NobleG1 = BlsCurvePair['G1']['Point']['BASE']
export type NobleG2 = BlsCurvePair['G2']['Point']['BASE']

export const noble: Readonly<Record<CurveName, BlsCurvePair>> = { bn254, 'bls12-381': bls12_381 }

/** The secrets of a setup, as exponents; `ic` has one entry more than there are inputs. */
export type Trapdoor = {
  readonly alpha: bigint
  readonly beta: bigint
  readonly gamma: bigint
  readonly delta: bigint
  readonly ic: readonly bigint[]
}

export function g1(curve: CurveName, exponent: bigint): G1 {
  return fromNobleG1(noble[curve].G1.Point.BASE.multiply(exponent))
}

export function g2(curve: CurveName, exponent: bigint): G2 {
  return fromNobleG2(noble[curve].G2.Point.BASE.multiply(exponent))
}

export function fromNobleG1(point: NobleG1): G1 {
  const { x, y } = point.toAffine()
  return { x, y }
}

export function fromNobleG2(point: NobleG2): G2 {
  const { x, y } = point.toAffine()
  return { x: [x.c0, x.c1], y: [y.c0, y.c1] }
}

export const toNobleG1 = (curve: CurveName, { x, y }: G1): NobleG1 =>
  noble[curve].G1.Point.fromAffine({ x, y })

export const toNobleG2 = (curve: CurveName, { x, y }: G2): NobleG2 =>
  noble[curve].G2.Point.fromAffine({
    x: { c0: x[0], c1: x[1] },
    y: { c0: y[0], c1: y[1] },
  })

export function trapdoorKey(curve: CurveName, secrets: Trapdoor): VerificationKey {
  return {
    alpha: g1(curve, secrets.alpha),
    beta: g2(curve, secrets.beta),
    gamma: g2(curve, secrets.gamma),
    delta: g2(curve, secrets.delta),
    ic: secrets.ic.map((exponent) => g1(curve, exponent)),
  }
}

/** A valid proof for any inputs: A = a, B = b, and C what the equation then asks for. */
export function trapdoorProof(
  curve: CurveName,
  secrets: Trapdoor,
  inputs: readonly bigint[],
  a: bigint,
  b: bigint,
): Proof {
  const { Fr } = noble[curve].fields
  const l = inputs.reduce(
    (sum, input, index) => sum + input * secrets.ic[index + 1]!,
    secrets.ic[0]!,
  )
  const c = Fr.div(
    Fr.create(a * b - secrets.alpha * secrets.beta - l * secrets.gamma),
    secrets.delta,
  )
  return { a: g1(curve, a), b: g2(curve, b), c: g1(curve, c) }
}

/** Whether e(A, B) = e(alpha, beta) · e(L, gamma) · e(C, delta); points must be in their groups. */
export function holds(
  curve: CurveName,
  key: VerificationKey,
  proof: Proof,
  inputs: readonly bigint[],
): boolean {
  const { G1, pairingBatch, fields } = noble[curve]
  const l = inputs.reduce(
    (sum, input, index) => {
      const point = toNobleG1(curve, key.ic[index + 1]!)
      return input === 0n ? sum : sum.add(point.multiply(input))
    },
    toNobleG1(curve, key.ic[0]!),
  )
  const pairs = [
    { g1: toNobleG1(curve, proof.a).negate(), g2: toNobleG2(curve, proof.b) },
    { g1: toNobleG1(curve, key.alpha), g2: toNobleG2(curve, key.beta) },
    { g1: l, g2: toNobleG2(curve, key.gamma) },
    { g1: toNobleG1(curve, proof.c), g2: toNobleG2(curve, key.delta) },
  ]
  // noble refuses infinity in a pairing, where e(0, Q) = 1; only L can be it here.
  const finite = pairs.filter((pair) => !pair.g1.equals(G1.Point.ZERO))
  return fields.Fp12.eql(pairingBatch(finite), fields.Fp12.ONE)
}

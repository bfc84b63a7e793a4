// One fixed setup per curve with two public inputs, and a valid proof for it.

import type { CurveName } from '../curves.ts'
import { type Trapdoor, trapdoorKey, trapdoorProof } from './trapdoor.ts'

export const curveNames = ['bn254', 'bls12-381'] as const satisfies readonly CurveName[]

export const secrets: Trapdoor = {
  alpha: 0xa1fa11n,
  beta: 0xbe7abe7an,
  gamma: 0x9a33an,
  delta: 0xde17adde17an,
  ic: [0x1c0n, 0x1c1n, 0x1c2n],
}

export function sample(curve: CurveName) {
  const inputs = [7n, 11n]
  return {
    curve,
    key: trapdoorKey(curve, secrets),
    inputs,
    proof: trapdoorProof(curve, secrets, inputs, 0xaaan, 0xbbbn),
  }
}

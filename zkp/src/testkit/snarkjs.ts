// Writes canonical points as snarkjs JSON, for tests: the inverse of the codec.

import { utf8 } from '@vorta/core'
import type { CurveName } from '../curves.ts'
import type { G1, G2, Proof, VerificationKey } from '../groth16/points.ts'
import type { ProofRequest } from '../types.ts'

const curveName = { bn254: 'bn128', 'bls12-381': 'bls12381' } as const

const pair = (values: readonly bigint[]): string[] => values.map(String)
export const g1Json = ({ x, y }: G1): string[] => [`${x}`, `${y}`, '1']
export const g2Json = ({ x, y }: G2): string[][] => [pair(x), pair(y), ['1', '0']]

export const proofJson = (curve: CurveName, proof: Proof) => ({
  pi_a: g1Json(proof.a),
  pi_b: g2Json(proof.b),
  pi_c: g1Json(proof.c),
  protocol: 'groth16',
  curve: curveName[curve],
})

export const keyJson = (curve: CurveName, key: VerificationKey) => ({
  protocol: 'groth16',
  curve: curveName[curve],
  nPublic: key.ic.length - 1,
  vk_alpha_1: g1Json(key.alpha),
  vk_beta_2: g2Json(key.beta),
  vk_gamma_2: g2Json(key.gamma),
  vk_delta_2: g2Json(key.delta),
  IC: key.ic.map(g1Json),
})

export const jsonBytes = (value: unknown): Uint8Array => utf8(JSON.stringify(value))

export const snarkjsRequest = (
  curve: CurveName,
  key: VerificationKey,
  proof: Proof,
  inputs: readonly bigint[],
): ProofRequest => ({
  system: 'groth16',
  curve,
  encoding: 'snarkjs',
  verificationKey: jsonBytes(keyJson(curve, key)),
  publicInputs: jsonBytes(inputs.map(String)),
  proof: jsonBytes(proofJson(curve, proof)),
})

// Proofs with known outcomes, for the self-test at start. They were made with
// @noble/curves from a setup with known secrets: nothing is proved by them but
// that the engine computes. `strayB` is a point of the curve outside the group.

import { utf8 } from '@vorta/core'
import { curves } from '../curves.ts'
import type { KnownAnswer, ProofRequest } from '../types.ts'
import facts from './known-answers.json' with { type: 'json' }

const bytes = (value: unknown): Uint8Array => utf8(JSON.stringify(value))

export const knownAnswers: readonly KnownAnswer[] = Object.values(curves).flatMap(({ name }) => {
  const { verificationKey, publicInputs, proof, strayB } = facts[name]
  const request: ProofRequest = {
    system: 'groth16',
    curve: name,
    encoding: 'snarkjs',
    verificationKey: bytes(verificationKey),
    publicInputs: bytes(publicInputs),
    proof: bytes(proof),
  }
  return [
    { request, expected: 'valid' },
    { request: { ...request, publicInputs: bytes(['1']) }, expected: 'PAIRING_MISMATCH' },
    {
      request: { ...request, proof: bytes({ ...proof, pi_b: strayB }) },
      expected: 'POINT_NOT_IN_SUBGROUP',
    },
  ]
})

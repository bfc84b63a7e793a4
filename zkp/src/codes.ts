// Every code this package can give, with its line for docs/errors.md. Three
// kinds: faults are verdicts about a well-formed proof (the job succeeds and
// says "invalid"), refusals mean there was nothing to judge (the job fails),
// and failures are our own.

import { type ErrorOptions, VerificationError } from '@vorta/core'

/** Why a well-formed proof is invalid. */
export const proofFaults = {
  PAIRING_MISMATCH: 'The proof does not prove this statement: the pairing equation does not hold.',
  POINT_NOT_ON_CURVE: 'A point of the proof is not on the curve.',
  POINT_NOT_IN_SUBGROUP: 'A point of the proof is on the curve but outside the prime-order group.',
  POINT_AT_INFINITY: 'A point of the proof is the point at infinity.',
} as const

/** Why a request was not judged. */
const refusals = {
  SYSTEM_UNSUPPORTED: 'No verifier for this proof system is present.',
  CURVE_UNSUPPORTED: 'The proof system is not available on this curve.',
  ENCODING_UNSUPPORTED: 'The proof system cannot read this encoding.',
  SIZE_LIMIT: 'The proof, the public inputs or the verification key exceed a size limit.',
  MALFORMED_PROOF: 'The proof is not what the encoding prescribes.',
  MALFORMED_PUBLIC_INPUTS: 'The public inputs are not what the encoding prescribes.',
  MALFORMED_KEY: 'The verification key is not what the encoding prescribes.',
  COORDINATE_RANGE: 'A coordinate is not below the field modulus: it has another spelling.',
  PUBLIC_INPUT_RANGE: 'A public input is not below the group order: it has another spelling.',
  PUBLIC_INPUT_COUNT: 'There are more or fewer public inputs than the verification key takes.',
  KEY_POINT_INVALID: 'A point of the verification key is off the curve or outside the group.',
  KEY_DEGENERATE: 'The verification key has a relation that lets anyone forge proofs for it.',
  KEY_INCONSISTENT:
    'The verification key contradicts itself: vk_alphabeta_12 is not e(alpha, beta).',
} as const

const failures = {
  ENGINE_FAILED: 'The pairing engine stopped. Nothing is known about the proof.',
  SELF_TEST_FAILED: 'A known answer came out wrong at start, so the verifier refuses to run.',
} as const

/** Every code of this package and what it means. */
export const proofCodes = { ...proofFaults, ...refusals, ...failures } as const

export type ProofFault = keyof typeof proofFaults
export type ProofRefusal = keyof typeof refusals | keyof typeof failures

/** `throw refuse('MALFORMED_KEY', …)`: there is nothing here to judge. */
export const refuse = (
  code: ProofRefusal,
  message: string,
  options?: ErrorOptions,
): VerificationError<ProofRefusal> => new VerificationError(code, message, options)

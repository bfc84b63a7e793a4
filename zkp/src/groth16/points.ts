// Groth16 as canonical points: what every codec produces and every engine
// takes. Coordinates are already below p; nothing else about a point is known.

import type { Fp2 } from '../curves.ts'

export type G1 = { readonly x: bigint; readonly y: bigint }
export type G2 = { readonly x: Fp2; readonly y: Fp2 }

export type Proof<Absent = never> = {
  readonly a: G1 | Absent
  readonly b: G2 | Absent
  readonly c: G1 | Absent
}

export type VerificationKey<Absent = never> = {
  readonly alpha: G1 | Absent
  readonly beta: G2 | Absent
  readonly gamma: G2 | Absent
  readonly delta: G2 | Absent
  /** One point for the constant 1, then one for each public input. */
  readonly ic: readonly (G1 | Absent)[]
  /** e(alpha, beta) as the key states it: 12 coefficients, c0 of the lowest first. */
  readonly alphaBeta?: readonly bigint[]
}

/** The point at infinity. Encodings can say it; admitted keys and judged proofs have none. */
export const infinity = 'infinity'
export type AtInfinity = typeof infinity

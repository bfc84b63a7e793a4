// The seam between the checks on text and relations, which are ours, and curve
// arithmetic, which an engine does for one curve.

import type { ProofVerdict } from '../types.ts'
import type { Proof, VerificationKey } from './points.ts'

/** A key whose points are checked and whose pairings with constants are computed. */
export type PreparedKey = {
  /** Public inputs the key takes. */
  readonly inputs: number
  /**
   * Judges one proof: membership of every point, then the pairing equation.
   * `inputs` are below r and as many as the key takes.
   */
  readonly verify: (proof: Proof, inputs: readonly bigint[]) => ProofVerdict
  /** Gives the engine's memory back; the key must not be used any more. */
  readonly release: () => void
}

export type Groth16Engine = {
  /** Library and version, such as `mcl-wasm/2.4.1`. */
  readonly name: string
  /** Throws KEY_POINT_INVALID or KEY_INCONSISTENT. */
  readonly prepare: (key: VerificationKey) => PreparedKey
}

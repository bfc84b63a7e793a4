// Which verification keys may be used at all. In
//
//   e(A, B) = e(alpha, beta) · e(L, gamma) · e(C, delta)
//
// a known relation between the key's points lets the prover's C cancel the
// statement's L, and everything verifies: with gamma = delta, for instance,
// A = alpha, B = beta, C = -L. Setups that nobody contributed to have produced
// such keys, and funds were lost to them. This refuses what can be seen in a
// key; that its secrets were destroyed, no verifier can see.

import { refuse } from '../codes.ts'
import type { Curve, Fp2 } from '../curves.ts'
import { type AtInfinity, infinity, type VerificationKey } from './points.ts'

/** Throws KEY_DEGENERATE. Curve and subgroup membership are the engine's to check. */
export function admitKey(key: VerificationKey<AtInfinity>, curve: Curve): VerificationKey {
  const admitted = {
    ...key,
    alpha: finite(key.alpha, 'alpha'),
    beta: finite(key.beta, 'beta'),
    gamma: finite(key.gamma, 'gamma'),
    delta: finite(key.delta, 'delta'),
    // An input whose point is infinity would not be part of what is proved.
    ic: key.ic.map((point, index) => finite(point, `IC[${index}]`)),
  }

  // A point and its negative share x. Gamma equal to the generator is what
  // honest tools write; beta and delta equal to it are secrets never drawn.
  distinct([
    ['gamma', fp2Text(admitted.gamma.x)],
    ['beta', fp2Text(admitted.beta.x)],
    ['delta', fp2Text(admitted.delta.x)],
  ])
  distinct([
    ['the generator of G2', fp2Text(curve.g2GeneratorX)],
    ['beta', fp2Text(admitted.beta.x)],
    ['delta', fp2Text(admitted.delta.x)],
  ])
  // Two inputs with the same point could be traded against each other.
  distinct(admitted.ic.map((point, index) => [`IC[${index}]`, String(point.x)]))
  return admitted
}

function finite<P>(point: P | AtInfinity, name: string): P {
  if (point === infinity) {
    throw refuse('KEY_DEGENERATE', `verification key: ${name} is the point at infinity`)
  }
  return point
}

const fp2Text = ([c0, c1]: Fp2): string => `${c0},${c1}`

function distinct(points: readonly (readonly [name: string, x: string])[]): void {
  const seen = new Map<string, string>()
  for (const [name, x] of points) {
    const other = seen.get(x)
    if (other !== undefined) {
      throw refuse('KEY_DEGENERATE', `verification key: ${name} equals ${other} or its negative`)
    }
    seen.set(x, name)
  }
}

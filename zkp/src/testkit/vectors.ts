// Proofs made by others, read from the shared vectors beside the repository.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { G1, G2, Proof, VerificationKey } from '../groth16/points.ts'

const folder = join(import.meta.dirname, '../../../../shared/vectors/zk')

/** The `skip` option of a test that needs the vectors: false where they are present. */
export const withoutVectors = existsSync(folder) ? false : 'shared/vectors is not present'

export const readVector = (file: string) =>
  JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
    readonly vk: PlainKey
    readonly proof: { readonly a: PlainG1; readonly b: PlainG2; readonly c: PlainG1 }
    readonly publicInputs: readonly string[]
    readonly raw: {
      readonly vk: object
      readonly proof: object
      readonly public: readonly string[]
    }
  }

/** A normalised vector as canonical points. */
export function vectorPoints(file: string) {
  const { vk, proof, publicInputs } = readVector(file)
  const key: VerificationKey = {
    alpha: g1(vk.alpha),
    beta: g2(vk.beta),
    gamma: g2(vk.gamma),
    delta: g2(vk.delta),
    ic: vk.ic.map(g1),
  }
  const points: Proof = { a: g1(proof.a), b: g2(proof.b), c: g1(proof.c) }
  return { key, proof: points, inputs: publicInputs.map(BigInt) }
}

type PlainG1 = readonly [string, string]
type PlainG2 = readonly [PlainG1, PlainG1]
type PlainKey = {
  readonly alpha: PlainG1
  readonly beta: PlainG2
  readonly gamma: PlainG2
  readonly delta: PlainG2
  readonly ic: readonly PlainG1[]
}

const g1 = ([x, y]: PlainG1): G1 => ({ x: BigInt(x), y: BigInt(y) })
const g2 = ([x, y]: PlainG2): G2 => ({
  x: [BigInt(x[0]), BigInt(x[1])],
  y: [BigInt(y[0]), BigInt(y[1])],
})

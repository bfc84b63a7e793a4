// Groth16 on mcl, one proof at a time, each a few milliseconds of CPU.
// All values are public, so nothing here needs constant time. Memory is a
// fixed scratch area per engine and one block per key; none per proof.

import { type ProofFault, refuse } from '../codes.ts'
import type { Curve } from '../curves.ts'
import type { Groth16Engine, PreparedKey } from '../groth16/engine.ts'
import type { Proof, VerificationKey } from '../groth16/points.ts'
import type { ProofVerdict } from '../types.ts'
import { createMemory, type Memory } from './memory.ts'
import {
  fpSize,
  frSize,
  g1Size,
  g2Size,
  gtSize,
  type MclModule,
  mclName,
  type Pointer,
} from './module.ts'

type Context = {
  readonly mcl: MclModule
  readonly memory: Memory
  readonly curve: Curve
  /** Where a proof's values lie while it is judged. */
  readonly scratch: {
    readonly a: Pointer
    readonly b: Pointer
    readonly c: Pointer
    readonly l: Pointer
    readonly left: Pointer
    readonly right: Pointer
  }
}

/** An engine on an instance that was loaded for this curve. */
export function createMclEngine(curve: Curve, mcl: MclModule): Groth16Engine {
  const memory = createMemory(mcl)
  const scratch = {
    a: memory.allocate(g1Size),
    b: memory.allocate(g2Size),
    c: memory.allocate(g1Size),
    l: memory.allocate(g1Size),
    left: memory.allocate(gtSize),
    right: memory.allocate(gtSize),
  }
  const context = { mcl, memory, curve, scratch }
  return { name: mclName, prepare: (key) => prepare(context, key) }
}

/** What a key keeps in its block: lines for gamma and delta, e(alpha, beta), IC, input scalars. */
type KeyBlock = {
  readonly gamma: Pointer
  readonly delta: Pointer
  readonly alphaBeta: Pointer
  readonly ic: Pointer
  readonly scalars: Pointer
}

function prepare(context: Context, key: VerificationKey): PreparedKey {
  const { mcl, memory } = context
  const inputs = key.ic.length - 1
  const linesSize = 8 * mcl._mclBn_getUint64NumToPrecompute()
  const start = memory.allocate(2 * linesSize + gtSize + (inputs + 1) * g1Size + inputs * frSize)
  const gamma = start
  const delta = gamma + linesSize
  const alphaBeta = delta + linesSize
  const ic = alphaBeta + gtSize
  const block = { gamma, delta, alphaBeta, ic, scalars: ic + (inputs + 1) * g1Size }
  try {
    fill(context, key, block)
  } catch (thrown) {
    memory.free(start)
    throw thrown
  }
  return {
    inputs,
    verify: (proof, values) => judge(context, block, proof, values),
    release: () => memory.free(start),
  }
}

function fill(context: Context, key: VerificationKey, block: KeyBlock): void {
  const { mcl, memory, scratch } = context
  const checked = (fault: ProofFault | undefined, name: string) => {
    if (fault) throw refuse('KEY_POINT_INVALID', `verification key: ${faultText(name, fault)}`)
  }

  for (const [name, lines] of [
    ['gamma', block.gamma],
    ['delta', block.delta],
  ] as const) {
    memory.putG2(scratch.b, key[name])
    checked(g2Fault(context, scratch.b), name)
    mcl._mclBn_precomputeG2(lines, scratch.b)
  }

  memory.putG1(scratch.a, key.alpha)
  memory.putG2(scratch.b, key.beta)
  checked(g1Fault(context, scratch.a), 'alpha')
  checked(g2Fault(context, scratch.b), 'beta')
  mcl._mclBn_pairing(block.alphaBeta, scratch.a, scratch.b)
  if (key.alphaBeta) {
    key.alphaBeta.forEach((value, index) => {
      memory.putFp(scratch.left + index * fpSize, value)
    })
    if (mcl._mclBnGT_isEqual(scratch.left, block.alphaBeta) !== 1) {
      throw refuse('KEY_INCONSISTENT', 'verification key: vk_alphabeta_12 is not e(alpha, beta)')
    }
  }

  key.ic.forEach((point, index) => {
    const at = block.ic + index * g1Size
    memory.putG1(at, point)
    checked(g1Fault(context, at), `IC[${index}]`)
  })
}

/** The checklist of one proof: points first, then e(A, B) = e(alpha, beta) · e(L, gamma) · e(C, delta). */
function judge(
  context: Context,
  block: KeyBlock,
  proof: Proof,
  inputs: readonly bigint[],
): ProofVerdict {
  const { mcl, memory, scratch } = context
  const { a, b, c, l, left, right } = scratch

  memory.putG1(a, proof.a)
  memory.putG2(b, proof.b)
  memory.putG1(c, proof.c)
  for (const [name, fault] of [
    ['A', g1Fault(context, a)],
    ['B', g2Fault(context, b)],
    ['C', g1Fault(context, c)],
  ] as const) {
    if (fault)
      return { verdict: 'invalid', code: fault, detail: `proof: ${faultText(name, fault)}` }
  }

  sumOfInputs(context, block, inputs)
  mcl._mclBnG1_neg(l, l)
  mcl._mclBnG1_neg(c, c)
  mcl._mclBn_millerLoop(left, a, b)
  mcl._mclBn_precomputedMillerLoop2(right, l, block.gamma, c, block.delta)
  mcl._mclBnGT_mul(left, left, right)
  mcl._mclBn_finalExp(left, left)
  if (mcl._mclBnGT_isEqual(left, block.alphaBeta) === 1) return { verdict: 'valid' }
  return {
    verdict: 'invalid',
    code: 'PAIRING_MISMATCH',
    detail: 'proof: the pairing equation does not hold for these public inputs and this key',
  }
}

/** L = IC[0] + sum of input[i] · IC[i + 1], at scratch.l. It may be infinity; its pairing is then 1. */
function sumOfInputs(context: Context, block: KeyBlock, inputs: readonly bigint[]): void {
  const { mcl, memory, scratch } = context
  inputs.forEach((value, index) => {
    memory.putFr(block.scalars + index * frSize, value)
  })
  mcl._mclBnG1_mulVec(scratch.l, block.ic + g1Size, block.scalars, inputs.length)
  mcl._mclBnG1_add(scratch.l, scratch.l, block.ic)
}

function g1Fault({ mcl, curve }: Context, point: Pointer): ProofFault | undefined {
  if (mcl._mclBnG1_isValid(point) !== 1) return 'POINT_NOT_ON_CURVE'
  // On BN254 the curve has prime order: every point of it is in the group.
  if (curve.name === 'bn254') return undefined
  return mcl._mclBnG1_isValidOrder(point) === 1 ? undefined : 'POINT_NOT_IN_SUBGROUP'
}

function g2Fault({ mcl }: Context, point: Pointer): ProofFault | undefined {
  if (mcl._mclBnG2_isValid(point) !== 1) return 'POINT_NOT_ON_CURVE'
  return mcl._mclBnG2_isValidOrder(point) === 1 ? undefined : 'POINT_NOT_IN_SUBGROUP'
}

const faultText = (name: string, fault: ProofFault): string =>
  fault === 'POINT_NOT_ON_CURVE'
    ? `${name} is not on the curve`
    : `${name} is on the curve but not in the group of order r`

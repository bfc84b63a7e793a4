// mcl compiled to WebAssembly, one instance per curve. mcl keeps its curve in
// module state, and so does the JavaScript API of mcl-wasm, which is why this
// goes one layer below it: every call of the package's factory gives an
// instance with a memory of its own, and two curves live side by side.
//
// The C functions take addresses in that memory. Layout, with 6 x 64-bit field
// elements on either curve: Fp 48, Fr 32, G1 = x y z, G2 = the same over Fp2,
// GT = 12 Fp. The self-test at start would notice a release that differs.

import createModule from 'mcl-wasm/dist/mcl_c.js'
import { refuse } from '../codes.ts'
import type { CurveName } from '../curves.ts'

export const mclName = 'mcl-wasm/2.4.1'

/** An address in the instance's memory. */
export type Pointer = number

export const fpSize = 48
export const frSize = 32
export const g1Size = 3 * fpSize
export const g2Size = 6 * fpSize
export const gtSize = 12 * fpSize

/** The functions used here, as mcl/bn.h declares them; predicates give 1 or 0. */
export type MclModule = {
  readonly wasmMemory: { readonly buffer: ArrayBuffer }
  readonly _malloc: (size: number) => Pointer
  readonly _free: (block: Pointer) => void
  readonly _mclBn_init: (curve: number, compiledTimeVar: number) => number
  readonly _mclBn_verifyOrderG1: (check: number) => void
  readonly _mclBn_verifyOrderG2: (check: number) => void
  readonly _mclBnFp_setLittleEndian: (out: Pointer, bytes: Pointer, size: number) => number
  readonly _mclBnFr_setLittleEndian: (out: Pointer, bytes: Pointer, size: number) => number
  readonly _mclBnG1_isValid: (point: Pointer) => number
  readonly _mclBnG1_isValidOrder: (point: Pointer) => number
  readonly _mclBnG1_isZero: (point: Pointer) => number
  readonly _mclBnG1_neg: (out: Pointer, point: Pointer) => void
  readonly _mclBnG1_add: (out: Pointer, a: Pointer, b: Pointer) => void
  readonly _mclBnG1_mulVec: (out: Pointer, g1s: Pointer, frs: Pointer, count: number) => void
  readonly _mclBnG2_isValid: (point: Pointer) => number
  readonly _mclBnG2_isValidOrder: (point: Pointer) => number
  readonly _mclBnGT_mul: (out: Pointer, a: Pointer, b: Pointer) => void
  readonly _mclBnGT_isEqual: (a: Pointer, b: Pointer) => number
  readonly _mclBn_pairing: (out: Pointer, g1: Pointer, g2: Pointer) => void
  readonly _mclBn_millerLoop: (out: Pointer, g1: Pointer, g2: Pointer) => void
  readonly _mclBn_finalExp: (out: Pointer, value: Pointer) => void
  readonly _mclBn_getUint64NumToPrecompute: () => number
  readonly _mclBn_precomputeG2: (lines: Pointer, g2: Pointer) => void
  readonly _mclBn_precomputedMillerLoop: (out: Pointer, g1: Pointer, lines: Pointer) => void
  readonly _mclBn_precomputedMillerLoop2: (
    out: Pointer,
    g1: Pointer,
    lines: Pointer,
    otherG1: Pointer,
    otherLines: Pointer,
  ) => void
}

// MCL_BN_SNARK1 and MCL_BLS12_381 of mcl/curve_type.h.
const curveIds: Readonly<Record<CurveName, number>> = { bn254: 4, 'bls12-381': 5 }

// MCLBN_COMPILED_TIME_VAR: Fr of 4 units, Fp of 6. mcl refuses another build's.
const compiledTimeVar = 4 * 10 + 6

/** A fresh instance for one curve. */
export async function loadMcl(curve: CurveName): Promise<MclModule> {
  const mcl: MclModule = await createModule({
    cryptoGetRandomValues: (out: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(out),
  })
  const status = mcl._mclBn_init(curveIds[curve], compiledTimeVar)
  if (status !== 0) throw refuse('ENGINE_FAILED', `mcl: init of ${curve} gave status ${status}`)
  // isValid then means "on the curve" alone, so that a fault can be named;
  // the order is asked for separately, always.
  mcl._mclBn_verifyOrderG1(0)
  mcl._mclBn_verifyOrderG2(0)
  return mcl
}

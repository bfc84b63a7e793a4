// Values into mcl's memory: canonical points and numbers become field elements
// at an address. Every number was found to be below its modulus before.

import { refuse } from '../codes.ts'
import type { G1, G2 } from '../groth16/points.ts'
import { fpSize, frSize, type MclModule, type Pointer } from './module.ts'

export type Memory = {
  /** A block of the instance's memory; `free` it with the same address. */
  readonly allocate: (size: number) => Pointer
  readonly free: (block: Pointer) => void
  readonly putFp: (at: Pointer, value: bigint) => void
  readonly putFr: (at: Pointer, value: bigint) => void
  readonly putG1: (at: Pointer, point: G1) => void
  readonly putG2: (at: Pointer, point: G2) => void
}

export function createMemory(mcl: MclModule): Memory {
  const allocate = (size: number): Pointer => {
    const block = mcl._malloc(size)
    if (block === 0) throw refuse('ENGINE_FAILED', `mcl: no memory for ${size} bytes`)
    return block
  }
  const text = allocate(fpSize)

  const littleEndian = (value: bigint, size: number): Pointer => {
    // The buffer is another one after the memory has grown, so it is asked for each time.
    const words = new DataView(mcl.wasmMemory.buffer, text, size)
    for (let at = 0, rest = value; at < size; at += 8, rest >>= 64n) {
      words.setBigUint64(at, BigInt.asUintN(64, rest), true)
    }
    return text
  }
  const putFp = (at: Pointer, value: bigint) => {
    check(mcl._mclBnFp_setLittleEndian(at, littleEndian(value, fpSize), fpSize))
  }
  const putAll = (at: Pointer, values: readonly bigint[]) => {
    values.forEach((value, index) => {
      putFp(at + index * fpSize, value)
    })
  }

  return {
    allocate,
    free: mcl._free,
    putFp,
    putFr: (at, value) => {
      check(mcl._mclBnFr_setLittleEndian(at, littleEndian(value, frSize), frSize))
    },
    // Projective with z = 1, which both of mcl's point representations share.
    putG1: (at, { x, y }) => putAll(at, [x, y, 1n]),
    putG2: (at, { x, y }) => putAll(at, [...x, ...y, 1n, 0n]),
  }
}

function check(status: number): void {
  if (status !== 0) throw refuse('ENGINE_FAILED', `mcl: a number was refused, status ${status}`)
}

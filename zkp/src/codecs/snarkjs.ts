// snarkjs JSON for Groth16, read strictly: every number and every point has
// one spelling, and an unknown member is refused. snarkjs itself takes
// coordinates above p, and "0x10" or " 5 " for a number, so that several texts
// stand for one proof. No field arithmetic happens here.

import { VortaError } from '@vorta/core'
import {
  array,
  type Decoder,
  decode,
  integer,
  object,
  oneOf,
  optional,
  string,
  tuple,
} from '@vorta/core/decode'
import { type Json, parseJson } from '@vorta/core/json'
import { type ProofRefusal, refuse } from '../codes.ts'
import type { Curve, Fp2 } from '../curves.ts'
import {
  type AtInfinity,
  type G1,
  type G2,
  infinity,
  type Proof,
  type VerificationKey,
} from '../groth16/points.ts'
import {
  maxJsonDepth,
  maxKeyBytes,
  maxProofBytes,
  maxPublicInputs,
  maxPublicInputsBytes,
} from '../limits.ts'

/** Bytes to canonical points and numbers; each throws VerificationError. */
export type Groth16Codec = {
  readonly proof: (bytes: Uint8Array) => Proof<AtInfinity>
  readonly publicInputs: (bytes: Uint8Array) => readonly bigint[]
  readonly verificationKey: (bytes: Uint8Array) => VerificationKey<AtInfinity>
}

const curveNames = { bn254: 'bn128', 'bls12-381': 'bls12381' } as const

export function createSnarkjsCodec(curve: Curve): Groth16Codec {
  const coordinate = decimal(curve.p, 'COORDINATE_RANGE')
  const g1 = g1Point(coordinate)
  const g2 = g2Point(coordinate)
  const protocol = oneOf('groth16')
  const curveName = oneOf(curveNames[curve.name])

  const proof = object({
    pi_a: g1,
    pi_b: g2,
    pi_c: g1,
    protocol,
    curve: optional(curveName), // rapidsnark leaves it out
  })
  const publicInputs = array(decimal(curve.r, 'PUBLIC_INPUT_RANGE'), maxPublicInputs)
  const fp2: Decoder<Fp2> = tuple(coordinate, coordinate)
  const fp6 = tuple(fp2, fp2, fp2)
  const verificationKey = object({
    protocol,
    curve: curveName,
    nPublic: integer(0, maxPublicInputs),
    vk_alpha_1: g1,
    vk_beta_2: g2,
    vk_gamma_2: g2,
    vk_delta_2: g2,
    vk_alphabeta_12: optional(tuple(fp6, fp6)), // derived data: some tools leave it out
    IC: array(g1, maxPublicInputs + 1),
  })

  return {
    proof: (bytes) => {
      const found = read(bytes, maxProofBytes, 'MALFORMED_PROOF', 'proof', proof)
      return { a: found.pi_a, b: found.pi_b, c: found.pi_c }
    },
    publicInputs: (bytes) =>
      read(bytes, maxPublicInputsBytes, 'MALFORMED_PUBLIC_INPUTS', 'public inputs', publicInputs),
    verificationKey: (bytes) => {
      const what = 'verification key'
      const found = read(bytes, maxKeyBytes, 'MALFORMED_KEY', what, verificationKey)
      if (found.IC.length !== found.nPublic + 1) {
        throw refuse(
          'MALFORMED_KEY',
          `${what}: expected nPublic + 1 = ${found.nPublic + 1} points in IC, got ${found.IC.length}`,
        )
      }
      return {
        alpha: found.vk_alpha_1,
        beta: found.vk_beta_2,
        gamma: found.vk_gamma_2,
        delta: found.vk_delta_2,
        ic: found.IC,
        ...(found.vk_alphabeta_12 && { alphaBeta: found.vk_alphabeta_12.flat(2) }),
      }
    },
  }
}

function read<T>(
  bytes: Uint8Array,
  maxBytes: number,
  malformed: ProofRefusal,
  what: string,
  decoder: Decoder<T>,
): T {
  if (bytes.length > maxBytes) {
    throw refuse('SIZE_LIMIT', `${what}: expected at most ${maxBytes} bytes, got ${bytes.length}`)
  }
  let json: Json
  try {
    json = parseJson(bytes, { maxBytes, maxDepth: maxJsonDepth })
  } catch (cause) {
    throw refuse(malformed, `${what}: ${VortaError.from(cause).message}`, { cause })
  }
  return decode(decoder, json, (text) => refuse(malformed, `${what}: ${text}`))
}

/** A number below the modulus as a decimal string: one spelling, of bounded length. */
function decimal(modulus: bigint, outOfRange: ProofRefusal): Decoder<bigint> {
  const maxDigits = modulus.toString().length
  const digits = string({
    max: maxDigits, // BigInt() takes quadratic time
    pattern: /^(?:0|[1-9][0-9]*)$/,
    what: `a plain decimal string of at most ${maxDigits} digits`,
  })
  return (value) => {
    const number = BigInt(digits(value))
    if (number >= modulus) throw refuse(outOfRange, `expected less than ${modulus}, got ${number}`)
    return number
  }
}

// Points are projective with z = 1. Infinity is z = 0, and only as snarkjs
// writes it; any other z would be a second spelling of an affine point.

const spells = (value: unknown, text: string): boolean => JSON.stringify(value) === text

function g1Point(coordinate: Decoder<bigint>): Decoder<G1 | AtInfinity> {
  const affine = tuple(coordinate, coordinate, oneOf('1'))
  return (value) => {
    if (spells(value, '["0","1","0"]')) return infinity
    const [x, y] = affine(value)
    return { x, y }
  }
}

function g2Point(coordinate: Decoder<bigint>): Decoder<G2 | AtInfinity> {
  const fp2: Decoder<Fp2> = tuple(coordinate, coordinate)
  const affine = tuple(fp2, fp2, tuple(oneOf('1'), oneOf('0')))
  return (value) => {
    if (spells(value, '[["0","0"],["1","0"],["0","0"]]')) return infinity
    const [x, y] = affine(value)
    return { x, y }
  }
}

// Proofs in the forms people have them: the three files of snarkjs, or one
// document that holds them all.

import {
  type Canonical,
  canonicalBytes,
  fail,
  fromUtf8,
  type Json,
  type JsonObject,
  parseJson,
} from '@vorta/core'
import type { ProofRequest } from '@vorta/zkp'
import { maxDocumentBytes, readInput } from './input.ts'
import type { Io } from './io.ts'

/** Our names of the curves by the names that tools use. */
export const curveAliases = {
  bn254: 'bn254',
  bn128: 'bn254',
  alt_bn128: 'bn254',
  'bls12-381': 'bls12-381',
  bls12_381: 'bls12-381',
  bls12381: 'bls12-381',
} as const satisfies Record<string, ProofRequest['curve']>

type Given = {
  readonly vk?: string
  readonly public?: string
  readonly system?: 'groth16'
  readonly curve?: string
}

/** Throws FILE_UNREADABLE, MALFORMED_JSON or USAGE. The verifier judges the rest. */
export async function readProof(io: Io, path: string, given: Given): Promise<ProofRequest> {
  const bytes = await readInput(io, path)
  const document = documentOf(bytes)
  const verificationKey = await part(io, given.vk, document?.vk, '--vk')
  const publicInputs = await part(io, given.public, document?.publicInputs, '--public')
  return {
    system: given.system ?? (nameIn(document?.system) as 'groth16') ?? 'groth16',
    curve: curveOf(given.curve ?? nameIn(document?.curve), verificationKey),
    encoding: (nameIn(document?.encoding) as 'snarkjs') ?? 'snarkjs',
    verificationKey,
    publicInputs,
    proof: document ? canonicalBytes(document.proof as Canonical) : bytes,
  }
}

/** The document that holds everything, told by its member `proof`. */
function documentOf(bytes: Uint8Array): JsonObject | undefined {
  if (!fromUtf8(bytes)?.trimStart().startsWith('{')) return undefined
  const value = parseJson(bytes, { maxBytes: maxDocumentBytes }) as JsonObject
  return 'proof' in value && 'vk' in value ? value : undefined
}

async function part(
  io: Io,
  path: string | undefined,
  member: Json | undefined,
  option: string,
): Promise<Uint8Array> {
  if (path !== undefined) return readInput(io, path)
  if (member !== undefined) return canonicalBytes(member)
  throw fail('USAGE', `option ${option} is missing`, {
    hints: ['a proof means nothing without its verification key and public inputs'],
  })
}

const nameIn = (member: Json | undefined): string | undefined =>
  typeof member === 'string' ? member : undefined

/** What was said, else what the key says; an unknown name is left for the verifier to refuse. */
function curveOf(said: string | undefined, verificationKey: Uint8Array): ProofRequest['curve'] {
  const name = said ?? curveOfKey(verificationKey)
  const known: Readonly<Record<string, ProofRequest['curve']>> = curveAliases
  return (Object.hasOwn(known, name) ? known[name] : undefined) ?? (name as ProofRequest['curve'])
}

function curveOfKey(verificationKey: Uint8Array): string {
  const key = parseJson(verificationKey, { maxBytes: maxDocumentBytes })
  const curve = typeof key === 'object' && key !== null ? (key as JsonObject).curve : undefined
  return nameIn(curve) ?? 'unknown'
}

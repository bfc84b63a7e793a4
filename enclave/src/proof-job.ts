// From a job spec and its artifacts to a request for the proof verifier. The
// host supplies all of it, so each digest is computed here anew: what is
// verified is what the spec names, or the attempt fails.

import { type Crypto, equal, fail, fromHex, parseCanonicalJson, toHex } from '@vorta/core'
import {
  array,
  type Decoded,
  decode,
  object,
  oneOf,
  openObject,
  optional,
  refine,
  sha256Hex,
  string,
} from '@vorta/core/decode'
import { digestPattern } from '@vorta/core/digest'
import type { ProofRequest } from '@vorta/zkp/types'
import { maxSpecBytes } from './protocol.ts'

const digest = string({ pattern: digestPattern, what: 'a digest as sha256:<64 hex digits>' })
const name = string({ min: 1, max: 64 })
const proofSpec = object({
  system: name,
  curve: name,
  encoding: name,
  verificationKey: digest,
  publicInputs: digest,
  proof: digest,
})

/** The inputs of a proof job, as spec and request name them. */
export const inputNames = ['verificationKey', 'publicInputs', 'proof'] as const
export type InputName = (typeof inputNames)[number]

const sealedSpec = object({
  inputs: refine(
    array(oneOf(...inputNames), inputNames.length),
    (names) => names.length > 0 && new Set(names).size === names.length,
    'at least one input, each once',
  ),
  keyCommitment: sha256Hex,
})
/** Which inputs are sealed, and the commitment to their key. */
export type SealedSpec = Decoded<typeof sealedSpec>
const specParts = openObject({ proof: proofSpec, sealed: optional(sealedSpec) })

/** Artifacts of a batch by the digest they have; what the host announced wrongly is in `refused`. */
export type Artifacts = {
  readonly genuine: ReadonlyMap<string, Uint8Array>
  readonly refused: ReadonlySet<string>
}

/** Sorts what the host supplied by whether it is what the host says it is. */
export function checkArtifacts(
  crypto: Crypto,
  supplied: Readonly<Record<string, Uint8Array>>,
): Artifacts {
  const genuine = new Map<string, Uint8Array>()
  const refused = new Set<string>()
  for (const [announced, bytes] of Object.entries(supplied)) {
    const expected = fromHex(announced)
    if (expected && equal(crypto.sha256(bytes), expected)) genuine.set(announced, bytes)
    else refused.add(announced)
  }
  return { genuine, refused }
}

export type ProofJob = {
  /** SHA-256 of the canonical spec, hex. */
  readonly spec: string
  readonly request: ProofRequest
  /** SHA-256 of the three artifacts, hex. */
  readonly digests: { verificationKey: string; publicInputs: string; proof: string }
  /** Present where the request holds ciphertexts still. */
  readonly sealed?: SealedSpec
}

/**
 * Reads one job. Members of the spec besides `proof` and `sealed` are the scheduler's
 * business: they are hashed, not read. Throws MALFORMED_JSON, TOO_LARGE,
 * INVALID_JOB_SPEC, ARTIFACT_NOT_FOUND or DIGEST_MISMATCH.
 */
export function readProofJob(crypto: Crypto, bytes: Uint8Array, artifacts: Artifacts): ProofJob {
  const document = parseCanonicalJson(bytes, { maxBytes: maxSpecBytes })
  const { proof, sealed } = decode(specParts, document, (text) =>
    fail('INVALID_JOB_SPEC', `spec: ${text}`),
  )
  const digests = {
    verificationKey: proof.verificationKey.slice('sha256:'.length),
    publicInputs: proof.publicInputs.slice('sha256:'.length),
    proof: proof.proof.slice('sha256:'.length),
  }
  const request = {
    // The verifier itself refuses names it does not know, each with its own code.
    system: proof.system as ProofRequest['system'],
    curve: proof.curve as ProofRequest['curve'],
    encoding: proof.encoding as ProofRequest['encoding'],
    verificationKey: artifact(artifacts, 'verification key', digests.verificationKey),
    publicInputs: artifact(artifacts, 'public inputs', digests.publicInputs),
    proof: artifact(artifacts, 'proof', digests.proof),
  }
  return { spec: toHex(crypto.sha256(bytes)), request, digests, ...(sealed && { sealed }) }
}

function artifact(artifacts: Artifacts, what: string, digest: string): Uint8Array {
  const bytes = artifacts.genuine.get(digest)
  if (bytes) return bytes
  if (artifacts.refused.has(digest)) {
    throw fail('DIGEST_MISMATCH', `${what}: the host supplied other bytes than sha256:${digest}`)
  }
  throw fail('ARTIFACT_NOT_FOUND', `${what}: the host did not supply sha256:${digest}`)
}

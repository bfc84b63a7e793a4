// From a job spec and its artifacts to a request for the proof verifier. The
// host supplies all of it, so each digest is computed here anew: what is
// verified is what the spec names, or the attempt fails.

import {
  type Crypto,
  equal,
  fail,
  fromHex,
  type Json,
  parseCanonicalJson,
  toHex,
} from '@vorta/core'
import { decode, object, string } from '@vorta/core/decode'
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
}

/**
 * Reads one job. Members of the spec besides `proof` are the scheduler's
 * business: they are hashed, not read. Throws MALFORMED_JSON, TOO_LARGE,
 * INVALID_JOB_SPEC, ARTIFACT_NOT_FOUND or DIGEST_MISMATCH.
 */
export function readProofJob(crypto: Crypto, bytes: Uint8Array, artifacts: Artifacts): ProofJob {
  const document = parseCanonicalJson(bytes, { maxBytes: maxSpecBytes })
  const proof = (document as { readonly [key: string]: Json } | null)?.proof
  const spec = decode(proofSpec, proof, (text) => fail('INVALID_JOB_SPEC', `proof: ${text}`))
  const digests = {
    verificationKey: spec.verificationKey.slice('sha256:'.length),
    publicInputs: spec.publicInputs.slice('sha256:'.length),
    proof: spec.proof.slice('sha256:'.length),
  }
  const request = {
    // The verifier itself refuses names it does not know, each with its own code.
    system: spec.system as ProofRequest['system'],
    curve: spec.curve as ProofRequest['curve'],
    encoding: spec.encoding as ProofRequest['encoding'],
    verificationKey: artifact(artifacts, 'verification key', digests.verificationKey),
    publicInputs: artifact(artifacts, 'public inputs', digests.publicInputs),
    proof: artifact(artifacts, 'proof', digests.proof),
  }
  return { spec: toHex(crypto.sha256(bytes)), request, digests }
}

function artifact(artifacts: Artifacts, what: string, digest: string): Uint8Array {
  const bytes = artifacts.genuine.get(digest)
  if (bytes) return bytes
  if (artifacts.refused.has(digest)) {
    throw fail('DIGEST_MISMATCH', `${what}: the host supplied other bytes than sha256:${digest}`)
  }
  throw fail('ARTIFACT_NOT_FOUND', `${what}: the host did not supply sha256:${digest}`)
}

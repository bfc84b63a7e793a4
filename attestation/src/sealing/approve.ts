// The requester's own decision, made on the requester's machine: is the enclave
// that asks for the key genuine, alive now, and one I accept? Nothing of it
// rests on the mainframe's word; it only carries the question and the answer.

import {
  type Canonical,
  type Crypto,
  canonicalDigest,
  fromBase64,
  PolicyError,
  parseJson,
  toHex,
  VerificationError,
  VortaError,
} from '@vorta/core'
import { decode } from '@vorta/core/decode'
import { refuse as refuseEvidence } from '../errors.ts'
import { type Evidence, evidenceDecoder, verifyEvidence } from '../evidence.ts'
import { requireAccepted } from '../policy/judge.ts'
import type { AttestationPolicy } from '../policy/policy.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import type { VerifyOptions } from '../verify-quote.ts'
import { refuse } from './codes.ts'

// The largest genuine evidence, with an event log, has a tenth of it.
const maxEvidenceBytes = 2 * 1024 * 1024

export type ReleaseRequest = {
  /** Canonical JSON of the evidence, as the mainframe passed it on. */
  readonly evidence: Uint8Array
  /** The challenge that the requester sent, 64 hex digits. */
  readonly nonce: string
  /** The job as the requester knows it: unique identifier, and SHA-256 of the spec it wrote. */
  readonly job: string
  readonly spec: string
}

export type ApprovedEnclave = {
  /** SHA-256 of the enclave's P-256 key as DER SubjectPublicKeyInfo, hex. */
  readonly enclave: string
  /** SHA-256 of the evidence's canonical JSON, hex. */
  readonly evidence: string
  /** The HPKE public key to seal to, 32 bytes. */
  readonly sealingKey: Uint8Array
  readonly quote: VerifiedQuote
}

/**
 * Verifies fresh evidence and judges it by the requester's policy. Throws
 * KEY_RELEASE_REFUSED, whose `meta.reason` is the code of the refusal:
 * one of verifyEvidence, of the policy, RELEASE_WRONG_JOB, RELEASE_WRONG_SPEC
 * or SEALING_KEY_MISSING.
 */
export async function approveEnclave(
  crypto: Crypto,
  request: ReleaseRequest,
  policy: AttestationPolicy,
  options: VerifyOptions,
): Promise<ApprovedEnclave> {
  try {
    const evidence = readEvidence(request.evidence)
    const { claims } = evidence
    const { nonce } = request
    const { quote, spki, dstack } = await verifyEvidence(crypto, evidence, { ...options, nonce })
    requireAccepted(policy, quote, options.now, dstack)
    if (claims.job !== undefined && claims.job !== request.job) {
      throw refuse('RELEASE_WRONG_JOB', `enclave: serves job ${claims.job}, not ${request.job}`)
    }
    if (claims.spec !== undefined && claims.spec !== request.spec) {
      throw refuse('RELEASE_WRONG_SPEC', `enclave: serves spec ${claims.spec}`)
    }
    const sealingKey = fromBase64(claims.hpke ?? '')
    if (claims.hpke === undefined || !sealingKey) {
      throw refuse('SEALING_KEY_MISSING', 'the evidence binds no key that inputs can be sealed to')
    }
    return {
      enclave: toHex(crypto.sha256(spki)),
      evidence: canonicalDigest(crypto, evidence as Canonical),
      sealingKey,
      quote,
    }
  } catch (thrown) {
    const { code, message, hints } = VortaError.from(thrown)
    throw new VerificationError('KEY_RELEASE_REFUSED', `the key was kept: ${code}: ${message}`, {
      meta: { reason: code },
      // The first of a policy's hints says what the message says already.
      hints: thrown instanceof PolicyError ? hints.slice(1) : hints,
      cause: thrown,
    })
  }
}

const readEvidence = (bytes: Uint8Array): Evidence =>
  decode(evidenceDecoder, parseJson(bytes, { maxBytes: maxEvidenceBytes }), (text) =>
    refuseEvidence('EVIDENCE_FORMAT', `evidence: ${text}`),
  )

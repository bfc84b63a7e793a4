// The Verifier's side (RFC 9334): evidence in, appraisal out. Verification (is
// it genuine?) and policy (do I accept it?) are two steps with their own checks,
// and both are listed.

import {
  type AttestationPolicy,
  type Evidence,
  evidenceDecoder,
  intelAnchor,
  judge,
  simulatedAnchor,
  verifyEvidence,
} from '@vorta/attestation'
import {
  type Canonical,
  type Clock,
  type Crypto,
  canonicalBytes,
  fail,
  parseJson,
  toHex,
  VortaError,
} from '@vorta/core'
import { decode } from '@vorta/core/decode'

export type Check = {
  readonly name: string
  readonly ok: boolean
  readonly code?: string
  readonly detail: string
}

/** Stored as JSON beside the evidence; the API shows it as vorta.v1.Appraisal. */
export type Appraisal = {
  readonly sha256: string
  readonly tee: string
  readonly accepted: boolean
  readonly simulated: boolean
  readonly status: string
  readonly measurement: string
  readonly advisoryIds: readonly string[]
  readonly checks: readonly Check[]
  readonly code?: string
  readonly message?: string
  readonly time: number
}

export type Appraised = {
  readonly appraisal: Appraisal
  /** Canonical JSON. */
  readonly evidence: Uint8Array
  /** The enclave's public key as DER, once the evidence is genuine. */
  readonly spki?: Uint8Array
}

export type Appraiser = {
  readonly policy: AttestationPolicy
  /** `nonce` is the challenge sent, 64 hex digits; absent for evidence that answers none. */
  appraise(evidence: Evidence, nonce?: string): Promise<Appraised>
}

/** Reads evidence from the API. Throws INVALID_ARGUMENT. */
export function readEvidence(bytes: Uint8Array): Evidence {
  const json = parseJson(bytes, { maxBytes: 1 << 20 })
  return decode(evidenceDecoder, json, (text) =>
    fail('INVALID_ARGUMENT', `evidence: ${text}`, { meta: { field: 'evidence' } }),
  )
}

export function createAppraiser(
  crypto: Crypto,
  policy: AttestationPolicy,
  clock: Clock,
): Appraiser {
  // Both anchors serve to verify, so that simulated evidence under a policy that
  // does not name it is refused for what it is: SIMULATED, not "unknown root".
  const anchors = [intelAnchor, simulatedAnchor]

  async function appraise(evidence: Evidence, nonce?: string): Promise<Appraised> {
    const bytes = canonicalBytes(evidence as Canonical)
    const base = { sha256: toHex(crypto.sha256(bytes)), tee: evidence.tee, time: clock.now() }
    try {
      const verified = await verifyEvidence(crypto, evidence, {
        anchors,
        now: clock.now(),
        ...(nonce === undefined ? {} : { nonce }),
      })
      const { quote } = verified
      const judgement = judge(policy, quote, clock.now())
      const broken = judgement.findings.find((finding) => !finding.ok)
      const appraisal: Appraisal = {
        ...base,
        accepted: judgement.accepted,
        simulated: quote.simulated,
        status: quote.status,
        measurement: quote.mrenclave,
        advisoryIds: quote.advisoryIds,
        checks: [
          {
            name: 'genuine',
            ok: true,
            detail: `quote, chain, CRLs, TCB and QE identity hold under ${quote.anchor.name}`,
          },
          ...judgement.findings.map(({ rule, ...finding }) => ({ name: rule, ...finding })),
        ],
        ...(broken?.code === undefined ? {} : { code: broken.code, message: broken.detail }),
      }
      return { appraisal, evidence: bytes, spki: verified.spki }
    } catch (thrown) {
      const { code, message } = VortaError.from(thrown)
      const appraisal: Appraisal = {
        ...base,
        accepted: false,
        simulated: evidence.tee === 'simulated',
        status: '',
        measurement: '',
        advisoryIds: [],
        checks: [{ name: 'genuine', ok: false, code, detail: message }],
        code,
        message,
      }
      return { appraisal, evidence: bytes }
    }
  }

  return { policy, appraise }
}

// EAT Attestation Results (EAR): a verdict in the form that relying parties of
// other systems read. Two spellings exist: the one that is deployed (veraison/ear,
// Trustee), and that of draft-ietf-rats-ear. Only the payload is made here;
// ear-jwt.ts signs and verifies it.

import { type Json, toBase64, VortaError } from '@vorta/core'
import type { Verdict } from './policy/verdict.ts'
import {
  failedVector,
  statusOf,
  type TrustTier,
  type TrustVector,
  trustVectorOf,
} from './trust-vector.ts'
import { measurementOf } from './verified-quote.ts'

export const earProfiles = {
  veraison: 'tag:github.com,2023:veraison/ear',
  draft: 'tag:ietf.org,2026:rats/ear#05',
} as const
export type EarSpelling = keyof typeof earProfiles

/** The one part of an enclave that we appraise; a name is asked for all the same. */
export const earSubmodule = 'enclave'

export type VerifierId = { readonly developer: string; readonly build: string }

export type EarOptions = {
  /** When it is issued and until when it may be relied on, in milliseconds. */
  readonly now: number
  readonly expires: number
  readonly verifierId: VerifierId
  /** The challenge that the evidence answers, as it was sent. */
  readonly nonce?: string
  /** SHA-256 of the evidence's canonical JSON, hex. */
  readonly evidenceSha256?: string
  /** The enclave's public key that the evidence binds: DER SubjectPublicKeyInfo. */
  readonly spki?: Uint8Array
  /** Default veraison. */
  readonly spelling?: EarSpelling
}

/** Evidence that is not genuine, and the policy it would have been judged by. */
export type NotGenuine = { readonly error: unknown; readonly policyDigest: string }

type Appraisal = {
  readonly status: TrustTier
  readonly vector: TrustVector
  readonly policy: string
  readonly evidence: Json
}

/** The payload of an EAR about a verdict, or about evidence that was found not to be genuine. */
export function earOf(verdict: Verdict | NotGenuine, options: EarOptions): Json {
  const appraisal = 'error' in verdict ? failed(verdict, options) : judged(verdict, options)
  const { now, expires, nonce, verifierId, spelling = 'veraison' } = options
  const common = {
    eat_profile: earProfiles[spelling],
    iat: Math.floor(now / 1000),
    exp: Math.floor(expires / 1000),
    ...(nonce !== undefined && { eat_nonce: nonce }),
  }
  const { developer, build } = verifierId
  return spelling === 'veraison'
    ? {
        ...common,
        'ear.verifier-id': { developer, build },
        submods: { [earSubmodule]: deployedSpelling(appraisal) },
      }
    : {
        ...common,
        ear_verifier_id: { developer, build },
        submods: { [earSubmodule]: draftSpelling(appraisal) },
      }
}

const deployedSpelling = ({ status, vector, policy, evidence }: Appraisal): Json => ({
  'ear.status': status,
  'ear.trustworthiness-vector': vector as Json,
  'ear.appraisal-policy-id': policy,
  'ear.veraison.annotated-evidence': evidence,
})

const draftSpelling = ({ status, vector, policy, evidence }: Appraisal): Json => ({
  ear_status: status,
  ear_trustworthiness_vector: vector as Json,
  ear_appraisal_policy_ids: [policy],
  ear_verifier_claims: evidence,
})

/** How an EAR names a policy: by the digest of what it means. */
export const earPolicyId = (digest: string): string => `sha256:${digest}`

function judged(verdict: Verdict, { evidenceSha256, spki }: EarOptions): Appraisal {
  const { quote, accepted, state, graceDeadline, findings, notChecked, claims, time } = verdict
  const vector = trustVectorOf(verdict)
  return {
    status: statusOf(accepted, vector),
    vector,
    policy: earPolicyId(verdict.policyDigest),
    evidence: {
      genuine: true,
      ...(evidenceSha256 !== undefined && { evidence: `sha256:${evidenceSha256}` }),
      ...(spki !== undefined && { key: toBase64(spki) }),
      tee: quote.tee,
      simulated: quote.simulated,
      anchor: quote.anchor.name,
      measurement: measurementOf(quote),
      tcbStatus: quote.status,
      tcbDate: quote.tcbDate,
      advisoryIds: quote.advisoryIds,
      judgedFor: Math.floor(time / 1000),
      verdict: state,
      ...(graceDeadline !== undefined && { graceUntil: Math.floor(graceDeadline / 1000) }),
      claims,
      rules: findings.map(({ code = '', ...finding }) => ({ ...finding, code })),
      notChecked,
    },
  }
}

function failed({ error, policyDigest }: NotGenuine, { evidenceSha256 }: EarOptions): Appraisal {
  const { code, message } = VortaError.from(error)
  return {
    status: 'contraindicated',
    vector: failedVector,
    policy: earPolicyId(policyDigest),
    evidence: {
      genuine: false,
      ...(evidenceSha256 !== undefined && { evidence: `sha256:${evidenceSha256}` }),
      verdict: 'refused',
      code,
      detail: message,
    },
  }
}

// Reads the payload of an EAR, in either spelling, into one shape; and says
// whether it is about what was asked.

import { type Json, toRfc3339 } from '@vorta/core'
import {
  base64,
  boolean,
  type Decoded,
  type Decoder,
  decode,
  integer,
  object,
  oneOf,
  openObject,
  optional,
  refine,
  string,
  tuple,
} from '@vorta/core/decode'
import { type EarSpelling, earPolicyId, earProfiles, earSubmodule, type VerifierId } from './ear.ts'
import { refuse } from './errors.ts'
import { type TrustTier, type TrustVector, trustClaims, trustTiers } from './trust-vector.ts'

export type EarClaims = {
  readonly spelling: EarSpelling
  /** Milliseconds. */
  readonly issued: number
  readonly expires: number
  readonly nonce?: string
  readonly verifierId: VerifierId
  readonly status: TrustTier
  readonly vector: TrustVector
  /** `sha256:` and the digest of the policy. */
  readonly policyId: string
  readonly evidence: Found
  /** The whole of it as it was signed, with every rule and claim: see earOf. */
  readonly payload: Json
}

type Found = {
  readonly genuine: boolean
  /** The enclave's public key: DER SubjectPublicKeyInfo in base64. */
  readonly key?: string
  /** `sha256:` and the digest of the evidence's canonical JSON. */
  readonly evidence?: string
  /** Of genuine evidence: whether it is SIMULATED. */
  readonly simulated?: boolean
}

export type EarExpectations = {
  /** Milliseconds. */
  readonly now: number
  readonly nonce?: string
  /** Hex, as policyDigest gives it. */
  readonly policyDigest?: string
  /** SHA-256 of the evidence's canonical JSON, hex. */
  readonly evidenceSha256?: string
}

// How far the clocks of verifier and relying party may be apart.
const maxClockSkew = 60_000

const seconds = integer(0, 8_640_000_000_000)
const text = string({ min: 1, max: 1024 })
const verifierId: Decoder<VerifierId> = object({ developer: text, build: text })
const status = oneOf(...trustTiers)

const vector: Decoder<TrustVector> = object(
  Object.fromEntries(trustClaims.map((claim) => [claim, optional(integer(-128, 127))])),
)

/** The rest of it is for people, and for the policies of those who read more. */
const found: Decoder<Found> = refine(
  openObject({
    genuine: boolean,
    key: optional(base64(1, 256)),
    evidence: optional(text),
    simulated: optional(boolean),
  }),
  ({ genuine, simulated }) => genuine === (simulated !== undefined),
  'simulated to be said of genuine evidence, and of no other',
)

const only = <T>(decoder: Decoder<T>) => object({ [earSubmodule]: decoder })

const common = { iat: seconds, exp: seconds, eat_nonce: optional(text) }

const deployed = object({
  ...common,
  eat_profile: oneOf(earProfiles.veraison),
  'ear.verifier-id': verifierId,
  submods: only(
    object({
      'ear.status': status,
      'ear.trustworthiness-vector': vector,
      'ear.appraisal-policy-id': text,
      'ear.veraison.annotated-evidence': found,
    }),
  ),
})

const draft = object({
  ...common,
  eat_profile: oneOf(earProfiles.draft),
  ear_verifier_id: verifierId,
  submods: only(
    object({
      ear_status: status,
      ear_trustworthiness_vector: vector,
      ear_appraisal_policy_ids: tuple(text),
      ear_verifier_claims: found,
    }),
  ),
})

const profile = openObject({ eat_profile: string({ max: 1024 }) })

/** Reads a payload of ours. Throws EAR_FORMAT or EAR_PROFILE. */
export function readEar(payload: Json): EarClaims {
  const { eat_profile } = decode(profile, payload, fault)
  if (eat_profile === earProfiles.veraison) {
    return { ...fromDeployed(decode(deployed, payload, fault)), payload }
  }
  if (eat_profile === earProfiles.draft) {
    return { ...fromDraft(decode(draft, payload, fault)), payload }
  }
  throw refuse('EAR_PROFILE', `EAR: unknown profile ${JSON.stringify(eat_profile)}`)
}

const fault = (what: string) => refuse('EAR_FORMAT', `EAR: ${what}`)

type Common = { readonly iat: number; readonly exp: number; readonly eat_nonce?: string }

const commonOf = ({ iat, exp, eat_nonce: nonce }: Common) => ({
  issued: iat * 1000,
  expires: exp * 1000,
  ...(nonce !== undefined && { nonce }),
})

function fromDeployed(ear: Decoded<typeof deployed>): Omit<EarClaims, 'payload'> {
  const part = ear.submods[earSubmodule]
  return {
    spelling: 'veraison',
    ...commonOf(ear),
    verifierId: ear['ear.verifier-id'],
    status: part['ear.status'],
    vector: part['ear.trustworthiness-vector'],
    policyId: part['ear.appraisal-policy-id'],
    evidence: part['ear.veraison.annotated-evidence'],
  }
}

function fromDraft(ear: Decoded<typeof draft>): Omit<EarClaims, 'payload'> {
  const part = ear.submods[earSubmodule]
  return {
    spelling: 'draft',
    ...commonOf(ear),
    verifierId: ear.ear_verifier_id,
    status: part.ear_status,
    vector: part.ear_trustworthiness_vector,
    policyId: part.ear_appraisal_policy_ids[0],
    evidence: part.ear_verifier_claims,
  }
}

/** Throws EAR_NOT_YET_VALID, EAR_EXPIRED, NONCE_MISMATCH, EAR_POLICY_MISMATCH or EAR_EVIDENCE_MISMATCH. */
export function requireExpected(ear: EarClaims, expect: EarExpectations): void {
  const { now, nonce, policyDigest, evidenceSha256 } = expect
  if (!(ear.issued <= now + maxClockSkew)) {
    throw refuse('EAR_NOT_YET_VALID', `EAR: issued ${toRfc3339(ear.issued)}, which is to come`)
  }
  if (!(now < ear.expires)) {
    throw refuse('EAR_EXPIRED', `EAR: expired ${toRfc3339(ear.expires)}`)
  }
  if (nonce !== undefined && ear.nonce !== nonce) {
    throw refuse('NONCE_MISMATCH', `EAR nonce: expected ${nonce}, got ${ear.nonce ?? 'none'}`)
  }
  const policy = policyDigest === undefined ? ear.policyId : earPolicyId(policyDigest)
  if (ear.policyId !== policy) {
    throw refuse('EAR_POLICY_MISMATCH', `EAR policy: expected ${policy}, got ${ear.policyId}`)
  }
  const about = ear.evidence.evidence
  const wanted = evidenceSha256 === undefined ? about : `sha256:${evidenceSha256}`
  if (about !== wanted) {
    throw refuse(
      'EAR_EVIDENCE_MISMATCH',
      `EAR evidence: expected ${wanted}, got ${about ?? 'none'}`,
    )
  }
}

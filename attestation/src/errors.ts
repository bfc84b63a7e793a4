// Every code this package can refuse with. Two groups that must not be mixed:
// a quote that is not genuine (VerificationError), and a genuine quote that
// the relying party's policy does not accept (PolicyError).

import { codes, type ErrorMeta, PolicyError, VerificationError } from '@vorta/core'

/** Why evidence is not genuine, or cannot be judged; in the order of the checks. */
export const verificationCodes = {
  ANCHOR_INVALID: 'A configured trust anchor is not what its kind says, or its PEM cannot be read.',
  EVIDENCE_FORMAT: 'The evidence object has a missing, unknown or wrong field.',
  COLLATERAL_FORMAT: 'The collateral has a missing, unknown, oversized or wrong field.',
  QUOTE_FORMAT: 'The quote is truncated, has bytes left over, or exceeds a size limit.',
  QUOTE_VERSION: 'The quote has a version that this verifier does not judge.',
  ATT_KEY_TYPE: 'The attestation key is not ECDSA over P-256.',
  TEE_TYPE: 'The quote comes from a kind of enclave that this verifier does not judge.',
  QE_VENDOR: "The quoting enclave's vendor is not Intel.",
  CERT_TYPE: 'The certification data has an unknown type, or does not fit its type.',
  DER: 'A certificate or CRL is not in the one valid DER encoding.',
  CERT_FORMAT: 'A certificate is not the kind of X.509 certificate the SGX PKI uses.',
  CRL_FORMAT: 'A CRL is not the kind of X.509 CRL the SGX PKI uses.',
  PCK_EXTENSION: 'The SGX extension of the PCK certificate is missing or wrong.',
  CHAIN_FORMAT: 'A certificate chain misses a certificate, has one too many, or is not PEM.',
  UNTRUSTED_ROOT: 'A chain does not end in one of the configured trust anchors.',
  CERT_SIGNATURE: "A certificate is not signed by its issuer's key.",
  CERT_NOT_YET_VALID: 'A certificate is used before its notBefore.',
  CERT_EXPIRED: 'A certificate is used after its notAfter.',
  NOT_A_CA: 'A certificate that issued another one is not a CA certificate.',
  NOT_A_LEAF: 'A CA certificate stands where an end certificate must stand.',
  CRL_ISSUER: 'A CRL was issued by somebody else than the CA it has to speak for.',
  CRL_SIGNATURE: "A CRL is not signed by its CA's key.",
  CRL_NOT_YET_VALID: 'A CRL is used before its thisUpdate.',
  CRL_EXPIRED: 'A CRL is used after its nextUpdate.',
  PCK_REVOKED: 'The certificate of this platform is revoked.',
  CA_REVOKED: 'The CA that certified this platform is revoked.',
  TCB_SIGNER_REVOKED: 'The certificate that signed TCB info or QE identity is revoked.',
  TCB_SIGNATURE: 'The TCB info is not signed by the TCB signing key.',
  TCB_FORMAT: 'The TCB info has a missing or wrong field.',
  TCB_NOT_YET_VALID: 'The TCB info is used before its issueDate.',
  TCB_EXPIRED: 'The TCB info is used after its nextUpdate.',
  TCB_MISMATCH: 'The TCB info is about another kind of platform.',
  TCB_NOT_SUPPORTED: 'The platform or its quoting enclave is older than every known TCB level.',
  QEID_SIGNATURE: 'The QE identity is not signed by the TCB signing key.',
  QEID_FORMAT: 'The QE identity has a missing or wrong field.',
  QEID_NOT_YET_VALID: 'The QE identity is used before its issueDate.',
  QEID_EXPIRED: 'The QE identity is used after its nextUpdate.',
  QEID_MISMATCH: "The quoting enclave is not the one that Intel's QE identity describes.",
  QE_REPORT_SIGNATURE: "The quoting enclave's report is not signed by the platform's PCK key.",
  QE_REPORT_DATA: "The attestation key is not the one the quoting enclave's report vouches for.",
  QUOTE_SIGNATURE: 'The quote is not signed by its attestation key.',
  TEE_MISMATCH: 'The evidence names another kind of enclave than the trust anchor proves.',
  CLAIMS_FORMAT: 'The claims have a missing, unknown or wrong field, or no P-256 key.',
  REPORT_DATA_MISMATCH: 'The quote was made for other claims: another key, nonce or job.',
  NONCE_MISMATCH: codes.NONCE_MISMATCH,
} as const

/** Why a genuine quote is not accepted. */
export const policyCodes = {
  TEE_NOT_ALLOWED: 'The policy does not list this kind of enclave.',
  SIMULATED_NOT_ALLOWED: 'The evidence is simulated, and the policy does not name simulation.',
  DEBUG_NOT_ALLOWED: 'The enclave is in debug mode: its memory is open to the host.',
  PROVISIONING_NOT_ALLOWED:
    'An application enclave holds the provisioning or launch key attribute.',
  TCB_STATUS_NOT_ALLOWED: 'The TCB status of the platform is not one the policy accepts.',
  MEASUREMENT_NOT_ALLOWED: 'The policy lists neither the enclave nor its signer.',
  EVALUATION_TOO_OLD: 'The TCB was judged by an older evaluation than the policy asks for.',
  FMSPC_NOT_ALLOWED: 'The policy excludes this kind of platform.',
  COLLATERAL_TOO_OLD: 'The collateral was issued longer ago than the policy allows.',
} as const

/** What measuring a program can fail with; neither a verdict nor a judgement. */
export const measurementCodes = {
  MEASUREMENT_FAILED:
    'The files of the program cannot all be found or read, so it has no identity.',
} as const

/** Every code of this package with its entry for the documentation. */
export const attestationCodes = {
  ...verificationCodes,
  ...policyCodes,
  ...measurementCodes,
} as const

export type QuoteFault = keyof typeof verificationCodes
export type PolicyFault = keyof typeof policyCodes

/** `throw refuse('CRL_EXPIRED', …)`: the evidence is not genuine. */
export const refuse = (
  code: QuoteFault,
  message: string,
  meta: ErrorMeta = {},
): VerificationError<QuoteFault> => new VerificationError(code, message, { meta })

/** `throw reject('DEBUG_NOT_ALLOWED', …)`: the evidence is genuine and not accepted. */
export const reject = (
  code: PolicyFault,
  message: string,
  meta: ErrorMeta,
  hints: readonly string[],
): PolicyError<PolicyFault> => new PolicyError(code, message, { meta, hints })

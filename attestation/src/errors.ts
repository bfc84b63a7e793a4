// Every code this package can refuse with. Two groups that must not be mixed:
// a quote that is not genuine (VerificationError), and a genuine quote that
// the relying party's policy does not accept (PolicyError).

import { codes, type ErrorMeta, PolicyError, VerificationError } from '@vorta/core'
import { sealingCodes } from './sealing/codes.ts'

/** Why evidence is not genuine, or cannot be judged; in the order of the checks. */
export const verificationCodes = {
  ANCHOR_INVALID: 'A configured trust anchor is not what its kind says, or its PEM cannot be read.',
  EVIDENCE_FORMAT: 'The evidence object has a missing, unknown or wrong field.',
  COLLATERAL_FORMAT: 'The collateral has a missing, unknown, oversized or wrong field.',
  QUOTE_FORMAT: 'The quote is truncated, has bytes left over, or exceeds a size limit.',
  QUOTE_VERSION: 'The quote has a version that this verifier does not judge.',
  ATT_KEY_TYPE: 'The attestation key is not ECDSA over P-256.',
  TEE_TYPE: 'The quote comes from a kind of enclave that this verifier does not judge.',
  BODY_TYPE: 'The quote names a report type that is unknown, or not one of its kind of enclave.',
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
  TCB_NOT_SUPPORTED:
    'The platform, its TDX module or its quoting enclave is older than every known TCB level.',
  TDX_MODULE_MISMATCH: 'The TDX module is not one that the TCB info describes.',
  QEID_SIGNATURE: 'The QE identity is not signed by the TCB signing key.',
  QEID_FORMAT: 'The QE identity has a missing or wrong field.',
  QEID_NOT_YET_VALID: 'The QE identity is used before its issueDate.',
  QEID_EXPIRED: 'The QE identity is used after its nextUpdate.',
  QEID_MISMATCH: "The quoting enclave is not the one that Intel's QE identity describes.",
  EVALNUM_SIGNATURE: 'The TCB evaluation numbers are not signed by the TCB signing key.',
  EVALNUM_FORMAT: 'The TCB evaluation numbers have a missing or wrong field.',
  EVALNUM_NOT_YET_VALID: 'The TCB evaluation numbers are used before their issueDate.',
  EVALNUM_EXPIRED: 'The TCB evaluation numbers are used after their nextUpdate.',
  COLLATERAL_MIXED:
    'TCB info and QE identity belong to different TCB evaluations, so they judge nothing together.',
  COLLATERAL_ROLLBACK: 'The collateral is genuine, but older than collateral that was seen before.',
  QE_REPORT_SIGNATURE: "The quoting enclave's report is not signed by the platform's PCK key.",
  QE_REPORT_DATA: "The attestation key is not the one the quoting enclave's report vouches for.",
  QUOTE_SIGNATURE: 'The quote is not signed by its attestation key.',
  EVENT_LOG_FORMAT: 'The event log is oversized, not the JSON it has to be, or for no TDX quote.',
  EVENT_FOREIGN: 'An event stands in a register that events of its type do not belong into.',
  EVENT_DIGEST: 'An event has another name or payload than the one that was measured.',
  EVENT_LOG_MISMATCH: 'The event log does not replay to the registers of the quote.',
  EVENT_MISSING: 'The event log does not record what every dstack guest records at its boot.',
  EVENT_DUPLICATE: 'The boot recorded twice what it may record once.',
  EVENT_EARLY: 'An event stands before the part of the boot that records such events.',
  EVENT_LATE: 'An event stands only behind the part of the boot that records such events.',
  MAINFRAME_TLS_MISMATCH:
    'The mainframe proved itself with another TLS key than this connection has.',
  MAINFRAME_LOG_MISMATCH:
    'The log of the mainframe is signed with another key than the one it proved, or one expects.',
  MR_CONFIG_MISMATCH: 'MRCONFIGID names another application than the event log.',
  MR_CONFIG_UNSUPPORTED: 'MRCONFIGID has a form that this verifier does not judge.',
  TEE_MISMATCH: 'The evidence names another kind of enclave than the trust anchor proves.',
  CLAIMS_FORMAT: 'The claims have a missing, unknown or wrong field, or no P-256 key.',
  REPORT_DATA_MISMATCH: 'The quote was made for other claims: another key, nonce or job.',
  NONCE_MISMATCH: codes.NONCE_MISMATCH,
  RATLS_CERTIFICATE: 'An RA-TLS certificate is oversized, or not the kind of X.509 it has to be.',
  RATLS_NO_EVIDENCE: 'A certificate that has to be attested carries no quote.',
  RATLS_EVIDENCE: 'The tagged evidence of an RA-TLS certificate is not the documented CBOR.',
  RATLS_CLAIMS: 'The claims of an RA-TLS certificate are malformed, or bind no key.',
  RATLS_NOT_IN_FORCE: 'An RA-TLS certificate is used outside its period of validity.',
  RATLS_KEY_MISMATCH: 'The quote of an RA-TLS certificate is about another key.',
  RATLS_NONCE: 'An RA-TLS certificate answers another challenge, or none.',
  RATLS_REPORT_DATA: 'The quote of an RA-TLS certificate does not bind its claims.',
  RATLS_HANDSHAKE: 'The TLS handshake inside a connection failed, or took too long.',
  RATLS_NO_CERTIFICATE: 'The other side of an RA-TLS connection showed no certificate.',
  RATLS_OTHER_ENCLAVE: 'An RA-TLS connection was opened for another enclave or platform.',
  EAR_FORMAT: 'The attestation result is not a signed token, or has a missing or wrong field.',
  EAR_TYPE: 'The token is not signed with ES256, or is not of type eat+jwt.',
  EAR_KEY_UNKNOWN: 'The attestation result names a key that is not in the trusted set.',
  EAR_SIGNATURE: 'The attestation result is not signed by the key it names.',
  EAR_PROFILE: 'The attestation result follows a profile that is not known here.',
  EAR_NOT_YET_VALID: 'The attestation result was issued later than now.',
  EAR_EXPIRED: 'The attestation result may not be relied on any more.',
  EAR_POLICY_MISMATCH: 'The attestation result was made by another policy than was asked for.',
  EAR_EVIDENCE_MISMATCH: 'The attestation result is about other evidence than was presented.',
} as const

/** Why a genuine quote is not accepted. */
export const policyCodes = {
  TEE_NOT_ALLOWED: 'The policy does not list this kind of enclave.',
  SIMULATED_NOT_ALLOWED: 'The evidence is simulated, and the policy does not name simulation.',
  DEBUG_NOT_ALLOWED: 'The enclave is in debug mode: its memory is open to the host.',
  PROVISIONING_NOT_ALLOWED:
    'An application enclave holds the provisioning or launch key attribute.',
  TD_ATTRIBUTES_RESERVED: 'The TD has an attribute that is not defined, so it may mean anything.',
  SEPT_VE_NOT_DISABLED: 'The host can take memory away from the TD and have the TD deal with that.',
  MIGRATABLE_NOT_ALLOWED: 'The TD can be moved to another platform, which its quote does not name.',
  SERVICE_TD_NOT_ALLOWED: 'A service TD that the policy does not list is bound to the TD.',
  TCB_STATUS_NOT_ALLOWED: 'The TCB status of the platform is not one the policy accepts.',
  GRACE_EXPIRED: 'The TCB status was accepted for a while, so that it can be mended. That is over.',
  ADVISORY_NOT_ALLOWED: 'An advisory applies that the policy does not list for this TCB status.',
  MEASUREMENT_NOT_ALLOWED: 'The policy lists neither the enclave or TD nor its signer.',
  EVALUATION_TOO_OLD: 'The TCB was judged by an older evaluation than the policy asks for.',
  TCB_TOO_OLD: 'The TCB has an earlier date than the policy asks for.',
  FMSPC_NOT_ALLOWED: 'The policy excludes this kind of platform.',
  PLATFORM_NOT_ALLOWED: 'The policy denies this very platform, or does not know it.',
  SGX_TYPE_NOT_ALLOWED: 'The policy excludes this kind of memory protection.',
  DYNAMIC_PLATFORM_NOT_ALLOWED:
    'Processors can be added to the platform, or nothing says they cannot.',
  CACHED_KEYS_NOT_ALLOWED:
    'Intel keeps the keys of the platform, or nothing says that it does not.',
  SMT_NOT_ALLOWED: 'The platform runs with multithreading, or nothing says that it does not.',
  RATLS_HOST_KEY: 'The TLS key belongs to the host of the enclave: no secret may go to it.',
  COLLATERAL_TOO_OLD: 'The collateral was issued longer ago than the policy allows.',
} as const

/** What measuring a program can fail with; neither a verdict nor a judgement. */
export const measurementCodes = {
  MEASUREMENT_FAILED:
    'The files of the program cannot all be found or read, so it has no identity.',
  GRAMINE_VERSION_UNKNOWN: 'The enclave layout of this version of Gramine is not known here.',
  MANIFEST_INVALID:
    'The manifest is not TOML, or a key of it that is measured or signed is missing or wrong.',
  LIBPAL_INVALID: "The file is not an enclave image of Gramine's: an ELF shared object for x86-64.",
  LIBPAL_MISMATCH: 'The enclave image is not the one that was pinned by its SHA-256.',
  ENCLAVE_TOO_SMALL: 'The threads, the manifest and the image do not fit the enclave size.',
  ENCLAVE_TOO_LARGE: 'Without EDMM an enclave of this size takes too long to measure.',
  SIGNING_KEY_INVALID: 'The key is not what SGX signs enclaves with: RSA of 3072 bits, exponent 3.',
} as const

/** Why a SIGSTRUCT is not genuine, or is not about the enclave it should be about. */
export const sigstructCodes = {
  SIGSTRUCT_FORMAT: 'The SIGSTRUCT has a wrong length, header or date, or reserved bytes in use.',
  SIGSTRUCT_KEY: 'The key in the SIGSTRUCT is not RSA of 3072 bits with exponent 3.',
  SIGSTRUCT_SIGNATURE: 'The SIGSTRUCT is not signed by the key it carries.',
  SIGSTRUCT_QUOTIENTS: 'Q1 and Q2 of the SIGSTRUCT are not those of its signature and key.',
  SIGSTRUCT_MISMATCH: 'The SIGSTRUCT is genuine and about another enclave than expected.',
} as const

/** What asking for a quote can fail with. */
export const providerCodes = {
  QUOTE_UNAVAILABLE: 'This machine gives no quote, or not the one that was asked for.',
} as const

/** Every code of this package with its entry for the documentation. */
export const attestationCodes = {
  ...verificationCodes,
  ...policyCodes,
  ...measurementCodes,
  ...providerCodes,
  ...sigstructCodes,
  ...sealingCodes,
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

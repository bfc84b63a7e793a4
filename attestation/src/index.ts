// What a verifier needs, in Node and in a browser alike. What makes quotes and
// measurements needs Node and has entries of its own: providers/simulated,
// simulated/collateral, measurement/files.

export * from './anchors.ts'
export * from './claims.ts'
export * from './collateral.ts'
export { type DstackClaims, verifyEventLog } from './dstack/claims.ts'
export { composeHashOf, defaultAppIdOf } from './dstack/compose.ts'
export { attestationCodes, type PolicyFault, type QuoteFault } from './errors.ts'
export * from './evidence.ts'
export * from './evidence-kind.ts'
export * from './mainframe-evidence.ts'
export { Memory as VerifierMemory, type MemoryLimits } from './memory.ts'
export { type Claim, type ClaimSource, claimsOf } from './policy/claims.ts'
export { policyDecoder } from './policy/decoder.ts'
export { graceDeadline } from './policy/grace.ts'
export { type Judgement, judge, type PolicyFinding, requireAccepted } from './policy/judge.ts'
export * from './policy/policy.ts'
export type { NotChecked } from './policy/rule.ts'
export { policyDigest, type Verdict, verdictOf } from './policy/verdict.ts'
export type { FreshQuote, QuoteProvider } from './providers/quote-provider.ts'
export { type Certification, type ParsedQuote, parseQuote } from './quote.ts'
export {
  type RaTlsOptions,
  requireEnclaveKey,
  type VerifiedRaTls,
  verifyRaTlsCertificate,
} from './ra-tls/verify.ts'
export type { SgxAttributes, SgxReport } from './sgx-report.ts'
export * from './tcb-status.ts'
export type { TdAttributes, TdReport } from './td-report.ts'
export * from './verified-quote.ts'
export { type VerifyOptions, verifyQuote } from './verify-quote.ts'

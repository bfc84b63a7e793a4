// What a verifier needs, in Node and in a browser alike. What makes quotes and
// measurements needs Node and has entries of its own: providers/simulated,
// simulated/collateral, measurement/files.

export * from './anchors.ts'
export * from './claims.ts'
export * from './collateral.ts'
export { attestationCodes, type PolicyFault, type QuoteFault } from './errors.ts'
export * from './evidence.ts'
export * from './policy.ts'
export type { QuoteProvider } from './providers/quote-provider.ts'
export { type ParsedQuote, parseQuote, type SgxReport } from './quote.ts'
export * from './tcb-status.ts'
export type { VerifiedQuote } from './verified-quote.ts'
export { type VerifyOptions, verifyQuote } from './verify-quote.ts'

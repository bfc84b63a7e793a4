// What a receipt says, each claim with whose word it is. Hardware proves which
// code ran; that code states what it did, by a clock its host controls; the log
// operator asserts when it was logged.

import type { VerifiedQuote } from '@vorta/attestation'
import { toRfc3339 } from '@vorta/core'
import type { ReceiptFacts } from './facts.ts'
import type { ReceiptStatement } from './statement.ts'

/**
 * Who has to be believed for a claim, strongest first. `simulated` stands where
 * `hardware-proven` would stand, had there been hardware.
 */
export type ClaimSource =
  | 'hardware-proven'
  | 'simulated'
  | 'verifier-derived'
  | 'enclave-stated'
  | 'operator-asserted'

export type Claim = {
  readonly name: string
  readonly value: string
  readonly source: ClaimSource
  /** The key or party whose word it is in the end. */
  readonly anchor: string
}

/** Everything a verified receipt claims. */
export const claimsOf = ({ quote, statement, log }: ReceiptFacts): readonly Claim[] => [
  ...quoteClaims(quote),
  ...statementClaims(statement, quote),
  { name: 'logged', value: toRfc3339(log.time), source: 'operator-asserted', anchor: log.key },
]

function quoteClaims(quote: VerifiedQuote): readonly Claim[] {
  const anchor = quote.anchor.name
  const proven = { source: quote.simulated ? 'simulated' : 'hardware-proven', anchor } as const
  const derived = { source: 'verifier-derived', anchor } as const
  return [
    { name: 'measurement', value: quote.mrenclave, ...proven },
    { name: 'signer', value: quote.mrsigner, ...proven },
    { name: 'debug', value: String(quote.debug), ...proven },
    { name: 'TCB status', value: quote.status, ...derived },
    { name: 'advisories', value: quote.advisoryIds.join(', ') || 'none', ...derived },
    { name: 'collateral valid until', value: toRfc3339(quote.collateralExpires), ...derived },
  ]
}

function statementClaims({ predicate }: ReceiptStatement, quote: VerifiedQuote): readonly Claim[] {
  const { job, attempt, spec, startedOn, finishedOn, trace, proof } = predicate
  const by = { source: 'enclave-stated', anchor: `code ${quote.mrenclave}` } as const
  const host = { source: 'operator-asserted', anchor: "the worker host's clock" } as const
  const from = {
    source: 'operator-asserted',
    anchor: 'the mainframe, as told to the enclave',
  } as const
  const verdict = proof.code === undefined ? proof.verdict : `${proof.verdict} (${proof.code})`
  return [
    { name: 'verdict', value: verdict, ...by },
    { name: 'proof system', value: `${proof.system} ${proof.curve} ${proof.encoding}`, ...by },
    { name: 'verifier', value: `${proof.verifier.name} ${proof.verifier.version}`, ...by },
    { name: 'verification key', value: `sha256:${proof.verificationKey}`, ...by },
    { name: 'public inputs', value: `sha256:${proof.publicInputs}`, ...by },
    { name: 'proof', value: `sha256:${proof.proof}`, ...by },
    { name: 'execution trace', value: `sha256:${trace}`, ...by },
    { name: 'job spec', value: `sha256:${spec}`, ...from },
    { name: 'job', value: `${job.name} (${job.uid}), attempt ${attempt.number}`, ...from },
    { name: 'started', value: startedOn, ...host },
    { name: 'finished', value: finishedOn, ...host },
  ]
}

// What a receipt says, each claim with whose word it is. Hardware proves which
// code ran; that code states what it did, by a clock its host controls; the log
// operator asserts when it was logged.

import {
  type Claim,
  measurementOf,
  claimsOf as quoteClaimsOf,
  type VerifiedQuote,
} from '@vorta/attestation'
import { toRfc3339 } from '@vorta/core'
import type { ReceiptFacts } from './facts.ts'
import type { ReceiptPredicate, ReceiptStatement } from './statement.ts'

export type { Claim, ClaimSource } from '@vorta/attestation'

/** Everything a verified receipt claims. */
export const claimsOf = ({ quote, dstack, statement, log }: ReceiptFacts): readonly Claim[] => [
  ...quoteClaimsOf(quote, dstack),
  ...statementClaims(statement, quote),
  { name: 'logged', value: toRfc3339(log.time), source: 'operator-asserted', anchor: log.key },
]

function statementClaims({ predicate }: ReceiptStatement, quote: VerifiedQuote): readonly Claim[] {
  const { job, attempt, spec, startedOn, finishedOn, trace, proof, sealed } = predicate
  const by = { source: 'enclave-stated', anchor: `code ${measurementOf(quote)}` } as const
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
    ...(sealed ? [{ name: 'sealed inputs', value: sealedText(sealed), ...by }] : []),
    { name: 'execution trace', value: `sha256:${trace}`, ...by },
    { name: 'job spec', value: `sha256:${spec}`, ...from },
    { name: 'job', value: `${job.name} (${job.uid}), attempt ${attempt.number}`, ...from },
    { name: 'started', value: startedOn, ...host },
    { name: 'finished', value: finishedOn, ...host },
  ]
}

/** The digests of sealed inputs are those of ciphertexts: whoever reads them has to know. */
export const sealedText = (sealed: NonNullable<ReceiptPredicate['sealed']>): string =>
  `${sealed.inputs.join(', ')}: ciphertexts, opened by key release sha256:${sealed.release}`

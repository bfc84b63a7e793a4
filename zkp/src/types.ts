// What a proof system is, to the rest of Vorta. A new system is one folder
// that fills in ProofSystem, and one line in verifier.ts.

import type { VerificationError } from '@vorta/core'
import type { ProofFault } from './codes.ts'
import type { CurveName } from './curves.ts'

export type SystemName = 'groth16'
export type Encoding = 'snarkjs'

/** One proof to check. The three byte fields are hostile; nothing about them is assumed. */
export type ProofRequest = {
  readonly system: SystemName
  readonly curve: CurveName
  readonly encoding: Encoding
  readonly verificationKey: Uint8Array
  readonly publicInputs: Uint8Array
  readonly proof: Uint8Array
}

/** What is true of a well-formed proof. Malformed input has no verdict: it is an error. */
export type ProofVerdict =
  | { readonly verdict: 'valid' }
  | { readonly verdict: 'invalid'; readonly code: ProofFault; readonly detail: string }

/** What one request of a batch came to. */
export type Outcome = ProofVerdict | VerificationError

/** A request whose outcome is known, to be checked before the verifier answers anybody. */
export type KnownAnswer = {
  readonly request: ProofRequest
  readonly expected: 'valid' | ProofFault
}

export type ProofSystem = {
  readonly name: SystemName
  /** The version of the checks, as receipts state it. */
  readonly version: string
  /** The library that does the arithmetic, with its version. */
  readonly engine: string
  readonly curves: readonly CurveName[]
  readonly encodings: readonly Encoding[]
  /** At least one valid and one invalid proof for every curve. */
  readonly knownAnswers: readonly KnownAnswer[]
  /** Throws VerificationError with one of `proofCodes`, and nothing else. */
  readonly verify: (request: ProofRequest) => Promise<ProofVerdict>
  /** One outcome per request, in order; never rejects. Lets the event loop run in between. */
  readonly verifyBatch: (requests: readonly ProofRequest[]) => Promise<Outcome[]>
}

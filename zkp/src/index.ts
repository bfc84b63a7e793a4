// Checks zero-knowledge proofs. `createVerifier()` is the way in; a new proof
// system is a folder beside groth16/ that fills in `ProofSystem`.

export { type ProofFault, type ProofRefusal, proofCodes } from './codes.ts'
export type { CurveName } from './curves.ts'
export type {
  Encoding,
  KnownAnswer,
  Outcome,
  ProofRequest,
  ProofSystem,
  ProofVerdict,
  SystemName,
} from './types.ts'
export { createVerifier, startVerifier, type Throughput, type Verifier } from './verifier.ts'

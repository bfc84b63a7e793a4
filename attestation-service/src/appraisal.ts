// The verdict on evidence as it is kept, signed and shown: data only.

import type { Claim, NotChecked, PolicyFinding } from '@vorta/attestation'

export type Check = Omit<PolicyFinding, 'rule' | 'code'> & {
  readonly name: string
  readonly code?: string
}

/** What evidence is found to be; nothing yet of who asked and where it is kept. */
export type Finding = {
  /** SHA-256 of the evidence's canonical JSON, hex. */
  readonly sha256: string
  /** `sgx`, `tdx` or `simulated`. */
  readonly tee: string
  readonly accepted: boolean
  readonly simulated: boolean
  /** TCB status; empty where the evidence is not genuine, as all that follows. */
  readonly status: string
  readonly measurement: string
  readonly advisoryIds: readonly string[]
  /** Verification, then the rules of the policy. */
  readonly checks: readonly Check[]
  readonly notChecked: readonly NotChecked[]
  readonly claims: readonly Claim[]
  /** Of the first check that failed. */
  readonly code?: string
  readonly message?: string
  /** Accepted by grace only, until this moment in milliseconds. */
  readonly graceDeadline?: number
  /** When it was judged, in milliseconds. */
  readonly time: number
}

/** A finding as it is kept. */
export type Appraisal = Finding & {
  readonly id: string
  readonly policy: string
  /** SHA-256 of the policy's canonical JSON, hex. */
  readonly policyId: string
  /** The challenge that the evidence answers, hex. */
  readonly nonce?: string
  /** Resource name of who presented it, such as `workers/worker-01`. */
  readonly subject?: string
}

// How the mainframe has evidence appraised: by the attestation service inside
// it, or by one elsewhere (remote.ts). The mainframe makes the challenges itself.

import type { Evidence } from '@vorta/attestation'
import type { Appraisal, AppraisalService } from '@vorta/attestation-service'
import type { Bytes } from '@vorta/core'

export type Appraised = {
  readonly appraisal: Appraisal
  /** Canonical JSON. */
  readonly evidence: Bytes
  /** The enclave's public key as DER, once the evidence is genuine. */
  readonly spki?: Uint8Array
}

export type Appraiser = {
  /**
   * `nonce` is the challenge sent, 64 hex digits; absent for evidence that answers none.
   * `subject` is the resource name of who presents it. Throws where there is no verdict, as
   * UNAVAILABLE and OVERLOADED.
   */
  appraise(evidence: Evidence, nonce?: string, subject?: string): Promise<Appraised>
}

/** By the service in this process. */
export const localAppraiser = (service: AppraisalService): Appraiser => ({
  appraise: (evidence, nonce, subject) =>
    service.appraise({
      presented: { kind: 'evidence', evidence },
      policy: '',
      ...(nonce !== undefined && { nonce }),
      ...(subject !== undefined && { subject }),
    }),
})

// The kinds of evidence. Simulated evidence is SGX or TDX in shape; what makes
// it simulated is the root that its quote rests on, whatever it says of itself.

import { type Decoder, oneOf } from '@vorta/core/decode'

export const evidenceKinds = ['sgx', 'tdx', 'simulated'] as const
export type EvidenceKind = (typeof evidenceKinds)[number]

export const evidenceKind: Decoder<EvidenceKind> = oneOf(...evidenceKinds)

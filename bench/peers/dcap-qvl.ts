// The peer of the attestation benchmark: @phala/dcap-qvl, given its collateral
// in the form it likes best. It runs on one thread and remembers nothing.

import { QuoteVerifier } from '@phala/dcap-qvl'
import type { Subject } from '../attestation-subjects.ts'

/** Verifies the subject once; throws where it is refused. */
export function libraryVerify({ quote, collateral, now, rootDer }: Subject): () => void {
  const verifier = QuoteVerifier.newWithRootCa(Buffer.from(rootDer))
  const bytes = (hex: string): number[] => [...Buffer.from(hex, 'hex')]
  const prepared = {
    ...collateral,
    root_ca_crl: bytes(collateral.root_ca_crl),
    pck_crl: bytes(collateral.pck_crl),
    tcb_info_signature: bytes(collateral.tcb_info_signature),
    qe_identity_signature: bytes(collateral.qe_identity_signature),
  }
  const raw = Buffer.from(quote)
  return () => void verifier.verify(raw, prepared, now / 1000)
}

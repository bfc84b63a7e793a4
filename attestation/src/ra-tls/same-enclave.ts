// Who proved itself twice on one connection, by its certificate and then by
// evidence, has to be the same code on the same processor. Otherwise a host could
// open a connection with one enclave and be given work for another.

import { fromBase64 } from '@vorta/core'
import { refuse } from '../errors.ts'
import type { Evidence } from '../evidence.ts'
import { readPckChain } from '../pck-chain.ts'
import { parsePckExtension } from '../pck-extension.ts'
import { parseQuote } from '../quote.ts'
import { measurementOf, type VerifiedQuote } from '../verified-quote.ts'

/** An enclave for this purpose; keys change with every start of it, these do not. Hex. */
export type EnclaveIdentity = {
  /** MRENCLAVE or MRTD. */
  readonly measurement: string
  /** The processor package. */
  readonly ppid: string
}

export const identityOf = (quote: VerifiedQuote): EnclaveIdentity => ({
  measurement: measurementOf(quote),
  ppid: quote.ppid,
})

/**
 * Compares the enclave that opened a connection with evidence that came by it and was verified
 * elsewhere, perhaps by another service.
 */
export function isSameEnclave(connection: EnclaveIdentity, evidence: Evidence): boolean {
  const { measurement, ppid } = identityOfEvidence(evidence)
  return measurement === connection.measurement && ppid === connection.ppid
}

function identityOfEvidence({ quote: text, collateral }: Evidence): EnclaveIdentity {
  const bytes = fromBase64(text)
  if (!bytes) throw refuse('EVIDENCE_FORMAT', 'evidence: quote is not canonical base64')
  const quote = parseQuote(bytes)
  const { leaf } = readPckChain(quote.certification, collateral.pck_certificate_chain)
  if (!leaf.sgxExtension) throw refuse('PCK_EXTENSION', 'PCK certificate: no SGX extension')
  const { ppid } = parsePckExtension(leaf.sgxExtension)
  return { measurement: quote.tee === 'sgx' ? quote.report.mrenclave : quote.report.mrtd, ppid }
}

// Where quotes come from: Gramine's attestation files, a dstack guest agent, or
// the simulated platform. Whoever wants a quote sees this interface only.

import type { EvidenceKind } from '../evidence-kind.ts'

export type FreshQuote = {
  readonly quote: Uint8Array
  /** The event log that belongs to the quote's RTMRs, a JSON text; dstack only. */
  readonly eventLog?: string
}

export type QuoteProvider = {
  /** Kind of evidence that its quotes make. */
  readonly tee: EvidenceKind
  /** What its quotes say runs here, in hex: MRENCLAVE of 32 bytes, or MRTD of 48. */
  readonly measurement: string
  /** One line for logs and `doctor`. */
  readonly description: string
  /** A DCAP quote over exactly these 64 bytes of report data. */
  quote(reportData: Uint8Array): Promise<FreshQuote>
}

/** Shorter report data would be padded by one platform and refused by another. */
export function checkReportData(reportData: Uint8Array): void {
  if (reportData.length !== 64) throw new RangeError('report data: expected 64 bytes')
}

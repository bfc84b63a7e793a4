// The receipt file. It must be the canonical JSON of its value, to the byte, so
// that no byte of it lies outside what verification looks at.

import { type Evidence, evidenceDecoder } from '@vorta/attestation'
import { type Bytes, type Canonical, canonicalBytes, toBase64 } from '@vorta/core'
import {
  array,
  base64,
  type Decoder,
  integer,
  object,
  oneOf,
  rfc3339,
  string,
} from '@vorta/core/decode'
import { readDocument } from './document.ts'
import { type Envelope, envelopeDecoder } from './dsse.ts'
import { refuse } from './errors.ts'
import { maxProofHashes } from './merkle.ts'

export const receiptMediaType = 'application/vnd.vorta.receipt+json;version=1'

/** Genuine ones are about 30 KB; this admits the longest TCB info and CRLs seen, ten times over. */
export const maxReceiptBytes = 2 * 1024 * 1024

export type LogProof = {
  readonly origin: string
  readonly index: number
  /** When the log took the entry, RFC 3339 with whole seconds. */
  readonly time: string
  /** Hashes of 32 bytes, base64, from the leaf upwards. */
  readonly inclusion: readonly string[]
  /** A tlog-checkpoint as a signed note. */
  readonly checkpoint: string
}

export type Receipt = {
  readonly mediaType: typeof receiptMediaType
  readonly envelope: Envelope
  readonly evidence: Evidence
  readonly log: LogProof
}

const receipt: Decoder<Receipt> = object({
  mediaType: oneOf(receiptMediaType),
  envelope: envelopeDecoder,
  evidence: evidenceDecoder,
  log: object({
    origin: string({ min: 1, max: 256 }),
    index: integer(0, Number.MAX_SAFE_INTEGER),
    time: rfc3339,
    inclusion: array(base64(32, 32), maxProofHashes),
    checkpoint: string({ min: 1, max: 4096 }),
  }),
})

/** Throws RECEIPT_TOO_LARGE or RECEIPT_MALFORMED. */
export function decodeReceipt(file: Uint8Array): Receipt {
  if (file.length > maxReceiptBytes) {
    throw refuse(
      'RECEIPT_TOO_LARGE',
      `receipt: expected at most ${maxReceiptBytes} bytes, got ${file.length}`,
    )
  }
  return readDocument('receipt', file, {
    decoder: receipt,
    limits: { maxBytes: maxReceiptBytes, maxDepth: 8 },
    fault: 'RECEIPT_MALFORMED',
  })
}

/** Puts a receipt together; `inclusion` as merkle-proof.ts makes it. */
export const makeReceipt = (parts: {
  readonly envelope: Envelope
  readonly evidence: Evidence
  readonly log: Omit<LogProof, 'inclusion'> & { readonly inclusion: readonly Uint8Array[] }
}): Receipt => ({
  mediaType: receiptMediaType,
  envelope: parts.envelope,
  evidence: parts.evidence,
  log: { ...parts.log, inclusion: parts.log.inclusion.map(toBase64) },
})

/** The bytes of the file. */
export const encodeReceipt = (value: Receipt): Bytes => canonicalBytes(value as Canonical)

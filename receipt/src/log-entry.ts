// The leaf of the transparency log: small, public and free of job data. It
// commits to the envelope and to the evidence whole, that day's collateral
// included, so that neither can be exchanged after it was logged.

import type { Evidence } from '@vorta/attestation'
import {
  type Bytes,
  type Canonical,
  type Crypto,
  canonicalBytes,
  canonicalDigest,
} from '@vorta/core'
import type { Envelope } from './dsse.ts'

export const logEntryType = 'vorta.org/log-entry/v1'

export type Logged = {
  readonly envelope: Envelope
  readonly evidence: Evidence
  /** When the log took it, RFC 3339 with whole seconds. */
  readonly time: string
}

/** The same for a log writer, which knows the digests already: both hex, of the canonical JSON. */
export type LoggedDigests = {
  readonly envelope: string
  readonly evidence: string
  readonly time: string
}

/** The bytes of the entry, before the leaf hash. */
export const encodeLogEntryOf = ({ envelope, evidence, time }: LoggedDigests): Bytes =>
  canonicalBytes({ envelope, evidence, time, type: logEntryType })

/** The bytes of the entry of a receipt. */
export const encodeLogEntry = (crypto: Crypto, { envelope, evidence, time }: Logged): Bytes =>
  encodeLogEntryOf({
    envelope: canonicalDigest(crypto, envelope),
    evidence: evidenceDigest(crypto, evidence),
    time,
  })

/** SHA-256 of the evidence's canonical JSON, in hex: what an enclave's evidence is known by. */
export const evidenceDigest = (crypto: Crypto, evidence: Evidence): string =>
  canonicalDigest(crypto, evidence as Canonical)

// The leaves of the transparency log: small, public and free of job data. That
// of a receipt commits to the envelope and to the evidence whole, that day's
// collateral included, so that neither can be exchanged after it was logged.
// That of a key release says to which enclave, and for what, a key was released.

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

export const releaseEntryType = 'vorta.org/key-release-entry/v1'

/** A key release as the log has it. All but `job` and `time` are SHA-256 digests in hex. */
export type LoggedRelease = {
  /** Of the release document. */
  readonly release: string
  /** Unique identifier of the job. */
  readonly job: string
  readonly spec: string
  /** Of the enclave's key as DER SubjectPublicKeyInfo. */
  readonly enclave: string
  /** Of the evidence that the requester verified. */
  readonly evidence: string
  /** When the log took it, RFC 3339 with whole seconds. */
  readonly time: string
}

/** The bytes of the entry of a key release. */
export const encodeReleaseEntry = ({
  release,
  job,
  spec,
  enclave,
  evidence,
  time,
}: LoggedRelease): Bytes =>
  canonicalBytes({ release, job, spec, enclave, evidence, time, type: releaseEntryType })

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

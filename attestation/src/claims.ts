// What a quote binds: the enclave's public key, the challenge it answers, and
// for an enclave that serves one job that job. The claims travel in the clear;
// their hash is in the quote's report data.

import { type Bytes, type Canonical, type Crypto, canonicalBytes, concat } from '@vorta/core'
import {
  base64,
  type Decoder,
  object,
  oneOf,
  optional,
  sha256Hex,
  string,
} from '@vorta/core/decode'

import type { MainframeClaims } from './mainframe-evidence.ts'

export const enclaveKeyPurpose = 'vorta.org/enclave-key/v1'

export type EnclaveKeyClaims = {
  /** Says what the hash is for, so that a quote made for another protocol cannot be used here. */
  readonly purpose: typeof enclaveKeyPurpose
  /** DER SubjectPublicKeyInfo of the enclave's P-256 key, base64. */
  readonly spki: string
  /** The verifier's challenge, 32 bytes in hex. */
  readonly nonce: string
  /** X25519 public key to seal inputs to (HPKE, RFC 9180), base64; absent where it opens none. */
  readonly hpke?: string
  /** The one job this enclave serves; absent for an enclave that serves many. */
  readonly job?: string
  /** SHA-256 of that job's spec, in hex. */
  readonly spec?: string
}

export const claimsDecoder: Decoder<EnclaveKeyClaims> = object({
  purpose: oneOf(enclaveKeyPurpose),
  spki: string({ min: 4, max: 256, what: 'a public key in base64' }),
  nonce: string({ pattern: /^[0-9a-f]{64}$/, what: 'a nonce as 64 lower-case hex digits' }),
  hpke: optional(base64(32, 32)),
  job: optional(string({ min: 1, max: 128 })),
  spec: optional(sha256Hex),
})

/** The 64 bytes of report data for these claims: SHA-256 of their canonical JSON, then zeros. */
export const reportDataOf = (crypto: Crypto, claims: EnclaveKeyClaims | MainframeClaims): Bytes =>
  concat(crypto.sha256(canonicalBytes(claims as Canonical)), new Uint8Array(32))

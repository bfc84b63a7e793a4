// Digests as the outside world spells them: `sha256:<64 lower-case hex digits>`
// (OCI image spec, descriptor section); inside signed documents the bare hex.

import { toHex } from './bytes.ts'
import { type Canonical, canonicalBytes } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'

export const digestPattern = /^sha256:[0-9a-f]{64}$/

export const digestOf = (crypto: Crypto, bytes: Uint8Array): string =>
  `sha256:${toHex(crypto.sha256(bytes))}`

/** SHA-256, in hex, of the canonical JSON of a value. */
export const canonicalDigest = (crypto: Crypto, value: Canonical): string =>
  toHex(crypto.sha256(canonicalBytes(value)))

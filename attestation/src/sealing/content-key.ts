// The content key: made by the requester, one a job, under which its sealed
// inputs are encrypted. The spec holds a commitment to it, because AES-GCM alone
// commits to no key: without it one ciphertext could open to two plaintexts.

import { type Bytes, type Crypto, concat, type Random, toHex, utf8 } from '@vorta/core'

/** AES-256. */
export const contentKeyBytes = 32

const purpose = utf8('vorta.org/content-key/v1\n')

export const newContentKey = (random: Random): Bytes => random(contentKeyBytes)

/** Names the key without telling it: SHA-256 over a label and the key, in hex. */
export function keyCommitment(crypto: Crypto, key: Uint8Array): string {
  const named = concat(purpose, key)
  const commitment = toHex(crypto.sha256(named))
  named.fill(0)
  return commitment
}

// Seals inputs of a job before they leave this machine: one fresh key a job, the
// ciphertexts to be uploaded, and what the spec says of it.

import { keyCommitment, newContentKey } from '@vorta/attestation/sealing/content-key'
import { maxInputBytes, sealInput } from '@vorta/attestation/sealing/sealed-input'
import { type Bytes, fail, systemRandom, toBase64 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { readInput } from './input.ts'
import type { Io } from './io.ts'

const sealable = ['proof', 'public', 'vk']

export type Sealing = {
  /** The inputs to seal, by the options that name their files. */
  readonly options: ReadonlySet<string>
  readonly key: { readonly commitment: string; readonly key: string }
  /** The ciphertext of a file, as the input of this name. Throws FILE_UNREADABLE or TOO_LARGE. */
  readonly seal: (input: string, path: string) => Promise<Bytes>
  /** What the spec says of all that was sealed. */
  readonly inSpec: () => { readonly inputs: string[]; readonly keyCommitment: string }
}

/** Throws USAGE. */
export function createSealing(io: Io, options: readonly string[]): Sealing {
  for (const option of options) {
    if (sealable.includes(option)) continue
    throw fail('USAGE', `--seal: expected one of ${sealable.join(', ')}, got "${option}"`)
  }
  const key = newContentKey(systemRandom)
  const commitment = keyCommitment(nodeCrypto, key)
  const inputs: string[] = []
  return {
    options: new Set(options),
    key: { commitment, key: toBase64(key) },
    seal: async (input, path) => {
      const plaintext = await readInput(io, path, maxInputBytes)
      inputs.push(input)
      return sealInput(key, input, plaintext, systemRandom)
    },
    inSpec: () => ({ inputs: [...inputs], keyCommitment: commitment }),
  }
}

// Opens the sealed inputs of a job inside the enclave. What the host supplied
// was hashed before; here the release has to fit job, spec and this very
// enclave, and hold the key that the spec commits to. Plaintext and key are
// overwritten after use, as far as JavaScript lets one.

import { refuse } from '@vorta/attestation/sealing/codes'
import type { Recipient } from '@vorta/attestation/sealing/recipient'
import {
  openRelease,
  type ReleaseTarget,
  readRelease,
  releaseDigest,
  requireTerms,
} from '@vorta/attestation/sealing/release'
import { openInput } from '@vorta/attestation/sealing/sealed-input'
import { type Bytes, type Crypto, fromRfc3339, toHex } from '@vorta/core'
import type { InputName, ProofJob, SealedSpec } from './proof-job.ts'
import type { ReleaseUses } from './release-uses.ts'

/** What the statement says of it. */
export type SealedFacts = {
  readonly inputs: readonly InputName[]
  /** SHA-256 of the release, hex. */
  readonly release: string
}

type ClosedJob = Omit<ProofJob, 'sealed'>

export type OpenedJob = ClosedJob & {
  readonly opened: SealedFacts
  /** Overwrites the plaintext. */
  readonly wipe: () => void
}

export type SealedJobs = {
  /**
   * Opens a job's sealed inputs with the release that came with the order.
   * Throws the codes of sealed inputs and releases.
   */
  readonly open: (
    job: ClosedJob,
    sealed: SealedSpec,
    uid: string,
    release: Uint8Array | undefined,
  ) => Promise<OpenedJob>
}

/** `spki` is the enclave's own signing key, by which releases name the enclave. */
export function createSealedJobs(
  crypto: Crypto,
  recipient: Recipient,
  spki: Uint8Array,
  uses: ReleaseUses,
): SealedJobs {
  const enclave = toHex(crypto.sha256(spki))

  async function keyOf(release: Uint8Array, target: ReleaseTarget, commitment: string) {
    const document = readRelease(release)
    requireTerms(document, target, uses.now())
    const key = await openRelease(crypto, document, commitment, recipient.open)
    const digest = releaseDigest(crypto, release)
    try {
      uses.count(digest, document.maxUses, fromRfc3339(document.notAfter) ?? 0)
    } catch (thrown) {
      key.fill(0)
      throw thrown
    }
    return { key, digest }
  }

  return {
    open: async (job, { inputs, keyCommitment }, uid, release) => {
      if (!release) throw refuse('RELEASE_MISSING', 'the inputs are sealed and no key came along')
      const target = { job: uid, spec: job.spec, enclave }
      const { key, digest } = await keyOf(release, target, keyCommitment)
      const plaintexts = new Map<InputName, Bytes>()
      const wipe = () => {
        for (const plaintext of plaintexts.values()) plaintext.fill(0)
      }
      try {
        for (const input of inputs) {
          plaintexts.set(input, await openInput(key, input, job.request[input]))
        }
      } catch (thrown) {
        wipe()
        throw thrown
      } finally {
        key.fill(0)
      }
      const request = { ...job.request, ...Object.fromEntries(plaintexts) }
      return { ...job, request, opened: { inputs, release: digest }, wipe }
    },
  }
}

// A key release: the content key of one job, sealed to one enclave, with the
// terms on which it may be used. The terms are public and go into the log; they
// are the `info` of the encryption, so that a release with other terms does not
// open. Who did not know the key cannot have made one that opens to it.

import {
  type Bytes,
  type Canonical,
  type Crypto,
  canonicalBytes,
  fromBase64,
  fromRfc3339,
  parseCanonicalJson,
  toBase64,
  toHex,
  VortaError,
} from '@vorta/core'
import {
  base64,
  type Decoded,
  decode,
  integer,
  object,
  oneOf,
  rfc3339,
  sha256Hex,
  string,
} from '@vorta/core/decode'
import { refuse, type SealingFault } from './codes.ts'
import { contentKeyBytes, keyCommitment } from './content-key.ts'

export const releasePurpose = 'vorta.org/key-release/v1'

/** Genuine ones have about 650 bytes. */
export const maxReleaseBytes = 2048

// HPKE: encapsulated secret, ciphertext, tag.
const sealedKeyBytes = 32 + contentKeyBytes + 16

const terms = {
  purpose: oneOf(releasePurpose),
  /** Unique identifier of the job. */
  job: string({ min: 1, max: 128 }),
  /** SHA-256 of the job's canonical spec, hex. */
  spec: sha256Hex,
  /** SHA-256 of the enclave's P-256 key as DER SubjectPublicKeyInfo, hex. */
  enclave: sha256Hex,
  /** SHA-256 of the canonical JSON of the evidence that the requester verified, hex. */
  evidence: sha256Hex,
  /** How often the enclave may open it. */
  maxUses: integer(1, 1000),
  /** Not to be opened later than this, by a clock that the worker's host controls. */
  notAfter: rfc3339,
}

const release = object({
  ...terms,
  /** HPKE: encapsulated secret and ciphertext of the content key, base64. */
  sealed: base64(sealedKeyBytes, sealedKeyBytes),
})

export type KeyRelease = Decoded<typeof release>
export type ReleaseTerms = Omit<KeyRelease, 'sealed'>

const infoOf = ({ purpose, job, spec, enclave, evidence, maxUses, notAfter }: ReleaseTerms) =>
  canonicalBytes({ purpose, job, spec, enclave, evidence, maxUses, notAfter })

/** Seals a message under an `info`; `sealTo` of recipient.ts for a public key. */
export type Seal = (info: Uint8Array, message: Uint8Array) => Promise<Bytes>
/** Opens what was sealed to an enclave; of recipient.ts as well. */
export type Open = (info: Uint8Array, sealed: Uint8Array) => Promise<Bytes>

/** Makes the document: canonical JSON. */
export async function makeRelease(
  about: ReleaseTerms,
  key: Uint8Array,
  seal: Seal,
): Promise<Bytes> {
  const sealed = toBase64(await seal(infoOf(about), key))
  return canonicalBytes({ ...about, sealed } as Canonical)
}

/** Reads a document without opening it. Throws RELEASE_FORMAT. */
export function readRelease(bytes: Uint8Array): KeyRelease {
  try {
    const json = parseCanonicalJson(bytes, { maxBytes: maxReleaseBytes, maxDepth: 1 })
    return decode(release, json, (text) => refuse('RELEASE_FORMAT', `release: ${text}`))
  } catch (thrown) {
    const { code, message } = VortaError.from(thrown)
    throw code === 'RELEASE_FORMAT' ? thrown : refuse('RELEASE_FORMAT', `release: ${message}`)
  }
}

/** What a release is known by, in the log and in receipts: SHA-256 of its bytes, hex. */
export const releaseDigest = (crypto: Crypto, bytes: Uint8Array): string =>
  toHex(crypto.sha256(bytes))

/** What a release has to be about. */
export type ReleaseTarget = Pick<ReleaseTerms, 'job' | 'spec' | 'enclave'>

/**
 * Does it fit this job, spec and enclave, at this time (milliseconds)?
 * Throws RELEASE_WRONG_JOB, RELEASE_WRONG_SPEC, RELEASE_WRONG_ENCLAVE or RELEASE_EXPIRED.
 */
export function requireTerms(about: ReleaseTerms, target: ReleaseTarget, now: number): void {
  const compared: readonly (readonly [SealingFault, keyof ReleaseTarget])[] = [
    ['RELEASE_WRONG_JOB', 'job'],
    ['RELEASE_WRONG_SPEC', 'spec'],
    ['RELEASE_WRONG_ENCLAVE', 'enclave'],
  ]
  for (const [code, field] of compared) {
    if (about[field] !== target[field]) {
      throw refuse(code, `release: ${field}: expected ${target[field]}, got ${about[field]}`)
    }
  }
  if (!(now <= (fromRfc3339(about.notAfter) ?? Number.NaN))) {
    throw refuse('RELEASE_EXPIRED', `release: was good until ${about.notAfter}`)
  }
}

/**
 * The content key of a release that was read and whose terms were checked.
 * Throws RELEASE_UNREADABLE, or RELEASE_WRONG_KEY where the spec commits to another key.
 */
export async function openRelease(
  crypto: Crypto,
  document: KeyRelease,
  commitment: string,
  open: Open,
): Promise<Bytes> {
  const key = await open(infoOf(document), fromBase64(document.sealed) ?? new Uint8Array())
  if (keyCommitment(crypto, key) !== commitment) {
    key.fill(0)
    throw refuse('RELEASE_WRONG_KEY', `release: the key is not the one committed to, ${commitment}`)
  }
  return key
}

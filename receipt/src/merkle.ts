// The Merkle tree of RFC 6962 / RFC 9162 section 2.1: verifying that an entry
// is in a tree and that a tree only grew. Sizes go up to 2^53, so halving is
// division: JavaScript's shifts stop at 32 bits. Making proofs: merkle-proof.ts.

import { type Bytes, type Crypto, concat, equal, toHex } from '@vorta/core'
import { refuse } from './errors.ts'

/** A path has one hash a level; this is the bound C2SP names, more than 2^53 needs. */
export const maxProofHashes = 63

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

/** Hash of an entry: SHA-256(0x00 || entry). */
export const hashLeaf = (crypto: Crypto, entry: Uint8Array): Bytes =>
  crypto.sha256(concat(leafPrefix, entry))

/** Hash of an inner node: SHA-256(0x01 || left || right). */
export const hashChildren = (crypto: Crypto, left: Uint8Array, right: Uint8Array): Bytes =>
  crypto.sha256(concat(nodePrefix, left, right))

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isOdd = (value: number): boolean => value % 2 === 1
const half = (value: number): number => Math.floor(value / 2)

/** Throws INDEX_RANGE unless 0 <= index < size. */
export function requireIndex(index: number, size: number): void {
  if (!isSize(index) || !isSize(size) || index >= size) {
    throw refuse('INDEX_RANGE', `log index: expected one inside a tree of ${size}, got ${index}`)
  }
}

/** Throws INDEX_RANGE unless 0 < oldSize <= newSize. A proof from the empty tree proves nothing. */
export function requireGrowth(oldSize: number, newSize: number): void {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize < 1 || oldSize > newSize) {
    throw refuse('INDEX_RANGE', `tree sizes: expected 1 to ${newSize}, got ${oldSize}`)
  }
}

export type InclusionClaim = {
  readonly leaf: Uint8Array
  readonly index: number
  readonly size: number
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** RFC 9162 section 2.1.3.2. Throws INDEX_RANGE or INCLUSION_MISMATCH. */
export function verifyInclusion(crypto: Crypto, claim: InclusionClaim): void {
  requireIndex(claim.index, claim.size)
  let index = claim.index
  let last = claim.size - 1
  let hash = claim.leaf
  for (const sibling of requireHashes(claim.proof, 'INCLUSION_MISMATCH')) {
    if (last === 0) throw lengthMismatch('inclusion', claim.proof.length)
    if (isOdd(index) || index === last) {
      hash = hashChildren(crypto, sibling, hash)
      // On the right edge a level may have no sibling: go up to the one that has.
      while (!isOdd(index) && index !== 0) {
        index = half(index)
        last = half(last)
      }
    } else {
      hash = hashChildren(crypto, hash, sibling)
    }
    index = half(index)
    last = half(last)
  }
  if (last !== 0) throw lengthMismatch('inclusion', claim.proof.length)
  if (!equal(hash, claim.root)) {
    throw refuse(
      'INCLUSION_MISMATCH',
      `inclusion of entry ${claim.index}: expected root ${toHex(claim.root)}, got ${toHex(hash)}`,
    )
  }
}

export type ConsistencyClaim = {
  readonly oldSize: number
  readonly oldRoot: Uint8Array
  readonly newSize: number
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** RFC 9162 section 2.1.4.2. Throws INDEX_RANGE or CONSISTENCY_MISMATCH. */
export function verifyConsistency(crypto: Crypto, claim: ConsistencyClaim): void {
  requireGrowth(claim.oldSize, claim.newSize)
  const given = requireHashes(claim.proof, 'CONSISTENCY_MISMATCH')
  if (claim.oldSize === claim.newSize) {
    if (given.length !== 0) throw lengthMismatch('consistency', given.length)
    requireRoot('new', claim.newRoot, claim.oldRoot)
    return
  }
  let index = claim.oldSize - 1
  let last = claim.newSize - 1
  while (isOdd(index)) {
    index = half(index)
    last = half(last)
  }
  // A whole old tree is itself the first node of the path, and is left out of the proof.
  const path = index === 0 ? [claim.oldRoot, ...given] : given
  const [first, ...rest] = path
  if (!first) throw lengthMismatch('consistency', given.length)
  let oldHash = first
  let newHash = first
  for (const sibling of rest) {
    if (last === 0) throw lengthMismatch('consistency', given.length)
    if (isOdd(index) || index === last) {
      oldHash = hashChildren(crypto, sibling, oldHash)
      newHash = hashChildren(crypto, sibling, newHash)
      while (!isOdd(index) && index !== 0) {
        index = half(index)
        last = half(last)
      }
    } else {
      newHash = hashChildren(crypto, newHash, sibling)
    }
    index = half(index)
    last = half(last)
  }
  if (last !== 0) throw lengthMismatch('consistency', given.length)
  requireRoot('old', claim.oldRoot, oldHash)
  requireRoot('new', claim.newRoot, newHash)
}

type ProofFault = 'INCLUSION_MISMATCH' | 'CONSISTENCY_MISMATCH'

function requireHashes(proof: readonly Uint8Array[], fault: ProofFault): readonly Uint8Array[] {
  if (proof.length > maxProofHashes || proof.some((hash) => hash.length !== 32)) {
    throw refuse(fault, `proof: expected at most ${maxProofHashes} hashes of 32 bytes`)
  }
  return proof
}

const lengthMismatch = (kind: 'inclusion' | 'consistency', length: number) =>
  refuse(
    kind === 'inclusion' ? 'INCLUSION_MISMATCH' : 'CONSISTENCY_MISMATCH',
    `${kind} proof: expected one hash a level, got ${length}`,
  )

function requireRoot(which: 'old' | 'new', expected: Uint8Array, got: Uint8Array): void {
  if (!equal(expected, got)) {
    throw refuse(
      'CONSISTENCY_MISMATCH',
      `consistency: expected ${which} root ${toHex(expected)}, got ${toHex(got)}`,
    )
  }
}

// Making roots and proofs (RFC 9162 section 2.1) for a log that stores the
// hashes of complete subtrees: node (level, index) covers the entries from
// index * 2^level up to the next node. Where the nodes are stored, as tiles or
// in memory, is the caller's business; `…Nodes` says beforehand which ones a
// proof reads, so that a remote store can be asked once.

import { type Bytes, type Crypto, own } from '@vorta/core'
import { hashChildren, requireGrowth, requireIndex } from './merkle.ts'

export type NodeId = { readonly level: number; readonly index: number }

/** Hash of a complete subtree; asked only for subtrees that lie whole inside the tree. */
export type NodeSource = (level: number, index: number) => Uint8Array

/** The complete subtrees, left to right, whose hashes fold into one hash of a proof. */
export type NodeRange = readonly NodeId[]

/** Largest power of two below n; n > 1. RFC 9162 calls it k. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** The subtrees that make up the entries from `start` up to `end`; `start` is where such a run begins. */
function range(start: number, end: number): NodeRange {
  const out: NodeId[] = []
  for (let at = start; at < end; ) {
    let level = 0
    let width = 1
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      level++
      width *= 2
    }
    out.push({ level, index: at / width })
    at += width
  }
  return out
}

function fold(crypto: Crypto, nodes: NodeSource, subtrees: NodeRange): Bytes {
  const hashes = subtrees.map(({ level, index }) => own(nodes(level, index)))
  return hashes.reduceRight((right, left) => hashChildren(crypto, left, right))
}

/** What an inclusion proof reads: one range for each of its hashes. Throws INDEX_RANGE. */
export function inclusionNodes(index: number, size: number): readonly NodeRange[] {
  requireIndex(index, size)
  const path: NodeRange[] = []
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + split(end - start)
    const left = index < middle
    path.push(left ? range(middle, end) : range(start, middle))
    if (left) end = middle
    else start = middle
  }
  return path.reverse()
}

/** What a consistency proof reads: one range for each of its hashes. Throws INDEX_RANGE. */
export function consistencyNodes(oldSize: number, newSize: number): readonly NodeRange[] {
  requireGrowth(oldSize, newSize)
  const path: NodeRange[] = []
  let [start, end] = [0, newSize]
  while (end !== oldSize) {
    const middle = start + split(end - start)
    const left = oldSize <= middle
    path.push(left ? range(middle, end) : range(start, middle))
    if (left) end = middle
    else start = middle
  }
  // Where the walk never went right, the rest is the old tree, whose root the verifier has.
  if (start > 0) path.push(range(start, end))
  return path.reverse()
}

/** Hash of the tree of the first `size` entries, RFC 9162 section 2.1.1. */
export const treeRoot = (crypto: Crypto, nodes: NodeSource, size: number): Bytes =>
  size === 0 ? crypto.sha256(new Uint8Array()) : fold(crypto, nodes, range(0, size))

/** Proof that entry `index` is in the tree of `size`. Throws INDEX_RANGE. */
export const inclusionProof = (
  crypto: Crypto,
  nodes: NodeSource,
  index: number,
  size: number,
): readonly Bytes[] => inclusionNodes(index, size).map((part) => fold(crypto, nodes, part))

/** Proof that the tree of `newSize` begins with the tree of `oldSize`. Throws INDEX_RANGE. */
export const consistencyProof = (
  crypto: Crypto,
  nodes: NodeSource,
  oldSize: number,
  newSize: number,
): readonly Bytes[] => consistencyNodes(oldSize, newSize).map((part) => fold(crypto, nodes, part))

/** The nodes that entry `index` completes, its leaf first: what a log stores when it appends. */
export function completedNodes(
  crypto: Crypto,
  nodes: NodeSource,
  index: number,
  leaf: Uint8Array,
): readonly (NodeId & { readonly hash: Bytes })[] {
  const out = [{ level: 0, index, hash: own(leaf) }]
  for (let [level, at] = [0, index]; at % 2 === 1; level++, at = (at - 1) / 2) {
    const right = out[level]
    if (!right) break
    const hash = hashChildren(crypto, nodes(level, at - 1), right.hash)
    out.push({ level: level + 1, index: (at - 1) / 2, hash })
  }
  return out
}

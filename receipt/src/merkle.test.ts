import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import { hashChildren, hashLeaf, verifyConsistency, verifyInclusion } from './merkle.ts'
import {
  completedNodes,
  consistencyNodes,
  consistencyProof,
  inclusionNodes,
  inclusionProof,
  type NodeSource,
  treeRoot,
} from './merkle-proof.ts'

/** RFC 6962 section 2.1 word for word: the oracle, slow and without any of the code under test. */
function naiveRoot(entries: readonly Uint8Array[]): Uint8Array {
  const { sha256 } = nodeCrypto
  if (entries.length === 0) return sha256(new Uint8Array())
  if (entries.length === 1) return sha256(Uint8Array.from([0, ...(entries[0] ?? [])]))
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha256(
    Uint8Array.from([1, ...naiveRoot(entries.slice(0, k)), ...naiveRoot(entries.slice(k))]),
  )
}

/** A log in memory, filled by the code a log writer uses. */
function memoryLog(entries: readonly Uint8Array[]): NodeSource {
  const stored = new Map<string, Uint8Array>()
  const nodes: NodeSource = (level, index) => {
    const hash = stored.get(`${level}/${index}`)
    assert.ok(hash, `node ${level}/${index} is read but was never complete`)
    return hash
  }
  entries.forEach((entry, at) => {
    for (const node of completedNodes(nodeCrypto, nodes, at, hashLeaf(nodeCrypto, entry))) {
      stored.set(`${node.level}/${node.index}`, node.hash)
    }
  })
  return nodes
}

const numbered = (count: number) => Array.from({ length: count }, (_, at) => utf8(`entry ${at}`))
const hex = (text: string) => fromHex(text) ?? assert.fail(`not hex: ${text}`)
const coded = (code: string) => (thrown: unknown) =>
  thrown instanceof VerificationError && thrown.code === code

// The inputs and roots of the tests that came with the first RFC 6962 logs.
const published = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'].map(hex)
published.push(hex('606162636465666768696a6b6c6d6e6f'))
const publishedRoots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

test('the empty tree and the empty entry have the published hashes', () => {
  const none = () => assert.fail('an empty tree has no nodes')
  assert.equal(
    toHex(treeRoot(nodeCrypto, none, 0)),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  )
  assert.equal(toHex(hashLeaf(nodeCrypto, new Uint8Array())), publishedRoots[0])
})

test('trees of one to eight entries have the published roots', () => {
  const nodes = memoryLog(published)
  publishedRoots.forEach((root, at) => {
    assert.equal(toHex(treeRoot(nodeCrypto, nodes, at + 1)), root)
    assert.equal(toHex(naiveRoot(published.slice(0, at + 1))), root)
  })
})

test('every entry of every tree up to 64 is proven to be in it, and nowhere else', () => {
  const entries = numbered(64)
  const nodes = memoryLog(entries)
  for (let size = 1; size <= 64; size++) {
    const root = naiveRoot(entries.slice(0, size))
    assert.deepEqual(new Uint8Array(treeRoot(nodeCrypto, nodes, size)), root)
    for (let index = 0; index < size; index++) {
      const leaf = hashLeaf(nodeCrypto, entries[index] ?? assert.fail())
      const proof = inclusionProof(nodeCrypto, nodes, index, size)
      const claim = { leaf, index, size, root, proof }
      verifyInclusion(nodeCrypto, claim)
      const wrong = [
        { ...claim, leaf: hashLeaf(nodeCrypto, utf8('another entry')) },
        { ...claim, proof: [...proof, root] },
        ...(proof.length > 0 ? [{ ...claim, proof: proof.slice(1) }] : []),
        ...(proof.length > 0 ? [{ ...claim, proof: proof.slice(0, -1) }] : []),
        ...(size > 1 ? [{ ...claim, index: (index + 1) % size }] : []),
      ]
      for (const each of wrong) {
        assert.throws(() => verifyInclusion(nodeCrypto, each), coded('INCLUSION_MISMATCH'))
      }
    }
  }
})

test('every tree up to 64 is proven to begin with every smaller one', () => {
  const entries = numbered(64)
  const nodes = memoryLog(entries)
  const roots = entries.map((_, at) => naiveRoot(entries.slice(0, at + 1)))
  const other = hashLeaf(nodeCrypto, utf8('another root'))
  for (let newSize = 1; newSize <= 64; newSize++) {
    for (let oldSize = 1; oldSize <= newSize; oldSize++) {
      const oldRoot = roots[oldSize - 1] ?? assert.fail()
      const newRoot = roots[newSize - 1] ?? assert.fail()
      const proof = consistencyProof(nodeCrypto, nodes, oldSize, newSize)
      const claim = { oldSize, oldRoot, newSize, newRoot, proof }
      verifyConsistency(nodeCrypto, claim)
      const wrong = [
        { ...claim, oldRoot: other },
        { ...claim, newRoot: other },
        { ...claim, proof: [...proof, other] },
        ...(proof.length > 0 ? [{ ...claim, proof: proof.slice(1) }] : []),
        ...(proof.length > 0 ? [{ ...claim, proof: proof.slice(0, -1) }] : []),
      ]
      for (const each of wrong) {
        assert.throws(() => verifyConsistency(nodeCrypto, each), coded('CONSISTENCY_MISMATCH'))
      }
    }
  }
})

test('proofs in larger trees of any size verify', () => {
  const entries = numbered(3000)
  const nodes = memoryLog(entries)
  const sizes = fc
    .integer({ min: 1, max: 3000 })
    .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 })))
  fc.assert(
    fc.property(sizes, ([size, index]) => {
      const root = treeRoot(nodeCrypto, nodes, size)
      const leaf = hashLeaf(nodeCrypto, entries[index] ?? assert.fail())
      const proof = inclusionProof(nodeCrypto, nodes, index, size)
      verifyInclusion(nodeCrypto, { leaf, index, size, root, proof })
      verifyConsistency(nodeCrypto, {
        oldSize: index + 1,
        oldRoot: treeRoot(nodeCrypto, nodes, index + 1),
        newSize: size,
        newRoot: root,
        proof: consistencyProof(nodeCrypto, nodes, index + 1, size),
      })
    }),
    { numRuns: 300 },
  )
})

test('a log of ten thousand entries has the root of the naive tree', () => {
  const entries = numbered(10_001)
  const nodes = memoryLog(entries)
  assert.deepEqual(new Uint8Array(treeRoot(nodeCrypto, nodes, entries.length)), naiveRoot(entries))
})

test('sizes beyond 32 bits work', () => {
  // All leaves are equal, so every complete subtree of a level has one hash.
  const leaf = hashLeaf(nodeCrypto, utf8('same'))
  const levels: Uint8Array[] = [leaf]
  const nodes: NodeSource = (level) => {
    for (let at = levels.length; at <= level; at++) {
      const below = levels[at - 1] ?? assert.fail()
      levels.push(hashChildren(nodeCrypto, below, below))
    }
    return levels[level] ?? assert.fail()
  }
  for (const size of [2 ** 32 + 1, 2 ** 40 - 1, 2 ** 51 + 12_345, Number.MAX_SAFE_INTEGER]) {
    const root = treeRoot(nodeCrypto, nodes, size)
    for (const index of [0, 2 ** 31, 2 ** 32, size - 1]) {
      const proof = inclusionProof(nodeCrypto, nodes, index, size)
      verifyInclusion(nodeCrypto, { leaf, index, size, root, proof })
      verifyConsistency(nodeCrypto, {
        oldSize: index + 1,
        oldRoot: treeRoot(nodeCrypto, nodes, index + 1),
        newSize: size,
        newRoot: root,
        proof: consistencyProof(nodeCrypto, nodes, index + 1, size),
      })
    }
  }
})

test('a proof reads about one node a level', () => {
  assert.deepEqual(inclusionNodes(0, 1), [])
  assert.deepEqual(inclusionNodes(2, 7), [
    [{ level: 0, index: 3 }],
    [{ level: 1, index: 0 }],
    [
      { level: 1, index: 2 },
      { level: 0, index: 6 },
    ],
  ])
  assert.ok(inclusionNodes(123_456, 1_000_000).flat().length <= 40)
  assert.ok(consistencyNodes(123_456, 1_000_000).flat().length <= 40)
})

test('refuses indexes and sizes that are out of range', () => {
  const hash = hashLeaf(nodeCrypto, utf8('entry'))
  for (const [index, size] of [
    [1, 1],
    [0, 0],
    [-1, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
    [0, 2 ** 53],
  ] as const) {
    const claim = { leaf: hash, index, size, root: hash, proof: [] }
    assert.throws(() => verifyInclusion(nodeCrypto, claim), coded('INDEX_RANGE'))
    assert.throws(() => inclusionNodes(index, size), coded('INDEX_RANGE'))
  }
  for (const [oldSize, newSize] of [
    [0, 1],
    [2, 1],
    [1.5, 2],
    [1, 2 ** 53],
  ] as const) {
    const claim = { oldSize, oldRoot: hash, newSize, newRoot: hash, proof: [] }
    assert.throws(() => verifyConsistency(nodeCrypto, claim), coded('INDEX_RANGE'))
    assert.throws(() => consistencyNodes(oldSize, newSize), coded('INDEX_RANGE'))
  }
})

test('refuses hashes of a wrong length and proofs of a wrong depth', () => {
  const leaf = hashLeaf(nodeCrypto, utf8('entry'))
  const claim = { leaf, index: 0, size: 2, root: leaf }
  for (const proof of [[leaf.slice(1)], [new Uint8Array()], Array(64).fill(leaf)]) {
    assert.throws(
      () => verifyInclusion(nodeCrypto, { ...claim, proof }),
      coded('INCLUSION_MISMATCH'),
    )
  }
})

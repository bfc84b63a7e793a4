// Reads the transparency log out of the store: proofs for any tree size up to
// the newest, and the tiles of C2SP tlog-tiles. Holds no state, so that any
// replica can serve it.

import { type Bytes, concat, fail } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  consistencyNodes,
  consistencyProof,
  inclusionNodes,
  inclusionProof,
  type NodeRange,
  type NodeSource,
} from '@vorta/receipt/merkle-proof'
import type { Store } from '../store/store.ts'
import { parseTilePath, tileWidth } from './tile-path.ts'

export type LogReader = {
  /** Number of entries in the newest checkpoint; 0 before the first. */
  size(): Promise<number>
  /** The newest checkpoint, a signed note. LOG_RANGE before the first. */
  checkpoint(): Promise<string>
  /** Proof that entry `index` is in the tree of `size`, RFC 6962 section 2.1.1. LOG_RANGE. */
  inclusion(index: number, size: number): Promise<readonly Bytes[]>
  /** Proof that the tree of `newSize` begins with that of `oldSize` (at least 1). LOG_RANGE. */
  consistency(oldSize: number, newSize: number): Promise<readonly Bytes[]>
  /**
   * The file at a path such as `tile/0/x001/067.p/12` or `tile/entries/000`.
   * LOG_RANGE where the path is no tile's, or the log does not fill the tile that far.
   */
  tile(path: string): Promise<Bytes>
}

export function openLogReader(store: Store): LogReader {
  const size = async () => (await store.checkpoint())?.size ?? 0

  const requireSize = async (asked: number): Promise<void> => {
    const newest = await size()
    if (!Number.isSafeInteger(asked) || asked < 1 || asked > newest) {
      throw fail('LOG_RANGE', `tree size: expected 1 to ${newest}, got ${asked}`)
    }
  }

  return {
    size,

    checkpoint: async () => {
      const newest = await store.checkpoint()
      if (!newest) throw fail('LOG_RANGE', 'the log has no entries yet, and so no checkpoint')
      return newest.note
    },

    inclusion: async (index, treeSize) => {
      await requireSize(treeSize)
      if (!Number.isSafeInteger(index) || index < 0 || index >= treeSize) {
        throw fail('LOG_RANGE', `log index: expected 0 to ${treeSize - 1}, got ${index}`)
      }
      const nodes = await fetchNodes(store, inclusionNodes(index, treeSize))
      return inclusionProof(nodeCrypto, nodes, index, treeSize)
    },

    consistency: async (oldSize, newSize) => {
      await requireSize(newSize)
      if (!Number.isSafeInteger(oldSize) || oldSize < 1 || oldSize > newSize) {
        throw fail('LOG_RANGE', `old tree size: expected 1 to ${newSize}, got ${oldSize}`)
      }
      const nodes = await fetchNodes(store, consistencyNodes(oldSize, newSize))
      return consistencyProof(nodeCrypto, nodes, oldSize, newSize)
    },

    tile: async (path) => {
      const tile = parseTilePath(path)
      if (!tile)
        throw fail('LOG_RANGE', `not the path of a tile: ${JSON.stringify(path.slice(0, 80))}`)
      const { level, index, width } = tile
      const newest = await size()
      const complete = level === 'entries' ? newest : Math.floor(newest / tileWidth ** level)
      const from = index * tileWidth
      const to = from + width
      if (to > complete) {
        throw fail('LOG_RANGE', `${path}: expected at most ${complete} of its level, got ${to}`)
      }
      if (level === 'entries') {
        const entries = await store.logEntries(from, to)
        return concat(...entries.flatMap(({ entry }) => [uint16(entry.length), entry]))
      }
      const nodes = await store.logNodes(level * 8, from, to)
      return concat(...nodes.map(({ hash }) => hash))
    },
  }
}

/** Reads the nodes of a proof beforehand: making it is synchronous, the store is not. */
async function fetchNodes(store: Store, ranges: readonly NodeRange[]): Promise<NodeSource> {
  const found = new Map<string, Uint8Array>()
  await Promise.all(
    ranges.flat().map(async ({ level, index }) => {
      const [node] = await store.logNodes(level, index, index + 1)
      if (node) found.set(`${level}/${index}`, node.hash)
    }),
  )
  return (level, index) => {
    const hash = found.get(`${level}/${index}`)
    if (!hash)
      throw fail('LOG_DAMAGED', `transparency log: node ${index} of level ${level} is gone`)
    return hash
  }
}

const uint16 = (value: number) => Uint8Array.of(value >> 8, value & 255)

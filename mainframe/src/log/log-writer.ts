// The one writer of the transparency log (RFC 6962 tree, C2SP checkpoints). It
// works out what an append adds to the store; the caller commits that together
// with the jobs it belongs to, so that a receipt and its job are one write.

import { fail, VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { formatCheckpoint } from '@vorta/receipt/checkpoint'
import { hashLeaf } from '@vorta/receipt/merkle'
import { completedNodes, treeRoot } from '@vorta/receipt/merkle-proof'
import { openNote, parseNote, signNote } from '@vorta/receipt/note'
import type { LogEntryRecord, LogNodeRecord } from '../records.ts'
import type { Mutation, Store } from '../store/store.ts'
import type { LogKey } from './log-key.ts'

/** Entry tiles give each entry a length of 16 bits (C2SP tlog-tiles, "Log entries"). */
const maxEntryBytes = 65_535

/** An entry before it has its index. */
export type NewLogEntry = Omit<LogEntryRecord, 'index'>
export type AppendLog = Extract<Mutation, { kind: 'append-log' }>

/** Level to the newest complete subtree of that level: all that appending needs to know. */
type Edge = ReadonlyMap<number, { readonly index: number; readonly hash: Uint8Array }>
type Identity = { readonly key: LogKey; readonly origin: string }
type Tree = { readonly size: number; readonly edge: Edge }

/**
 * Takes up the log where the store has it. Throws LOG_DAMAGED where the newest checkpoint
 * is not this key's signature over the tree that is stored: going on would fork the log.
 */
export async function openLog(store: Store, key: LogKey, origin: string): Promise<Log> {
  const identity = { key, origin }
  return new Log(await restore(store, identity), identity)
}

export class Log {
  #tree: Tree
  #prepared: Tree | 'in progress' | undefined
  #turn: Promise<unknown> = Promise.resolve()
  readonly #identity: Identity

  constructor(tree: Tree, identity: Identity) {
    this.#tree = tree
    this.#identity = identity
  }

  /** Entries committed so far. */
  get size(): number {
    return this.#tree.size
  }

  /** Runs one append after the other: `work` prepares, and ends with `committed` or `rolledBack`. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {}) // its own caller hears of it
    return result
  }

  /**
   * The mutation that appends the entries, with their indexes and a checkpoint over them.
   * To be followed by `committed` or `rolledBack`; where it is unknown which, open the log anew.
   * Throws STORE_CONFLICT while another append is prepared, INVALID_ARGUMENT, TOO_LARGE.
   */
  async prepare(entries: readonly NewLogEntry[]): Promise<AppendLog> {
    if (this.#prepared) throw fail('STORE_CONFLICT', 'log: an append is prepared already')
    if (entries.length === 0) throw fail('INVALID_ARGUMENT', 'log: expected entries, got none')
    for (const { entry } of entries) {
      if (entry.length > maxEntryBytes) {
        const got = entry.length
        throw fail('TOO_LARGE', `log entry: expected at most ${maxEntryBytes} bytes, got ${got}`)
      }
    }
    this.#prepared = 'in progress'
    try {
      const { tree, nodes } = grow(this.#tree, entries)
      const checkpoint = { size: tree.size, note: await signCheckpoint(tree, this.#identity) }
      const numbered = entries.map((entry, at) => ({ ...entry, index: this.#tree.size + at }))
      this.#prepared = tree
      return { kind: 'append-log', entries: numbered, nodes, checkpoint }
    } catch (thrown) {
      this.#prepared = undefined
      throw VortaError.from(thrown)
    }
  }

  /** The prepared append is in the store. */
  committed(): void {
    this.#tree = this.#take()
  }

  /** The prepared append was refused; nothing of it is in the store. */
  rolledBack(): void {
    this.#take()
  }

  #take(): Tree {
    const prepared = this.#prepared
    if (!prepared || prepared === 'in progress') {
      throw fail('STORE_CONFLICT', 'log: no append is prepared')
    }
    this.#prepared = undefined
    return prepared
  }
}

function grow(tree: Tree, entries: readonly NewLogEntry[]) {
  const edge = new Map(tree.edge)
  const nodes: LogNodeRecord[] = []
  for (const [at, { entry }] of entries.entries()) {
    const leaf = hashLeaf(nodeCrypto, entry)
    for (const node of completedNodes(nodeCrypto, nodesOf(edge), tree.size + at, leaf)) {
      edge.set(node.level, node)
      nodes.push(node)
    }
  }
  return { tree: { size: tree.size + entries.length, edge }, nodes }
}

/** What a checkpoint of this tree says. */
const headOf = ({ size, edge }: Tree, origin: string): string =>
  formatCheckpoint({ origin, size, root: treeRoot(nodeCrypto, nodesOf(edge), size) })

const signCheckpoint = (tree: Tree, { key, origin }: Identity): Promise<string> =>
  signNote(headOf(tree, origin), key.note, key.sign)

/** Appending and the root ask for the newest subtree of a level only, so the edge has them all. */
const nodesOf = (edge: Edge) => (level: number, index: number) => {
  const node = edge.get(level)
  if (node?.index !== index) throw damaged(`node ${index} of level ${level}`, `${node?.index}`)
  return node.hash
}

async function restore(store: Store, identity: Identity): Promise<Tree> {
  const newest = await store.checkpoint()
  const size = newest?.size ?? 0
  const beyond = await store.logEntry(size)
  if (beyond) throw damaged(`${size} entries`, `an entry at ${size}`)
  const edge = new Map<number, LogNodeRecord>()
  for (let [level, count] = [0, size]; count > 0; level++, count = Math.floor(count / 2)) {
    const [node] = await store.logNodes(level, count - 1, count)
    if (node) edge.set(level, node)
  }
  const tree = { size, edge }
  if (newest) await checkCheckpoint(newest.note, headOf(tree, identity.origin), identity.key)
  return tree
}

async function checkCheckpoint(note: string, expected: string, key: LogKey): Promise<void> {
  let signed: string
  try {
    signed = await openNote(nodeCrypto, parseNote(note), key.note)
  } catch (cause) {
    throw damaged(`a checkpoint signed by ${key.vkey}`, 'one that does not verify', cause)
  }
  if (signed !== expected) throw damaged(JSON.stringify(signed), JSON.stringify(expected))
}

const damaged = (expected: string, got: string, cause?: unknown) =>
  fail('LOG_DAMAGED', `transparency log: expected ${expected}, got ${got}`, {
    cause,
    hints: ['restore data folder and log.key from the same backup'],
  })

// Policy replay: what would another policy, or newer collateral, say of all that
// is stored? Goes through all evidence and all receipts in pages, never holds
// more than one page of each and a bounded number of reopened evidence, and lets
// others work in between: the answer may take minutes, the mainframe must not.

import { setImmediate as turn } from 'node:timers/promises'
import { Lru } from '@vorta/attestation/lru'
import { type Crypto, fromRfc3339, parseJson } from '@vorta/core'
import { openObject, rfc3339, string } from '@vorta/core/decode'
import { logEntryType } from '@vorta/receipt'
import type { Store } from '../store/store.ts'
import {
  createRejudge,
  type Proposal,
  type Rejudge,
  type Reopened,
  type Rulings,
} from './rejudge.ts'

/** A worker or a receipt whose verdict the proposal changes. */
export type VerdictChange = {
  /** `workers/{worker}` or `receipts/{index}`. */
  readonly name: string
  readonly evidenceSha256: string
  /** When its evidence was appraised, or the receipt logged; milliseconds. */
  readonly time: number
  readonly asOfLogged: Rulings
  readonly asOfNow: Rulings
}

export type ReplayCounts = {
  /** Rows of evidence looked at, those among them that the newer collateral is about, and changed ones. */
  readonly evidence: number
  readonly recollateralised: number
  readonly evidenceChanged: number
  readonly workers: number
  readonly workersChanged: number
  readonly receipts: number
  readonly receiptsChanged: number
}

export type ReplayPage = {
  readonly changes: readonly VerdictChange[]
  readonly counts: ReplayCounts
}

export type ReplayDeps = {
  readonly store: Pick<Store, 'appraisals' | 'evidence' | 'logEntries' | 'checkpoint'>
  readonly crypto: Crypto
}

// Evidence has some 20 KB, and with an event log ten times that.
const evidencePage = 32
const receiptsPage = 64

// Receipts that follow each other cite few enclaves: one per worker and hour.
const reopenedAtOnce = 256

const nothing: ReplayCounts = {
  evidence: 0,
  recollateralised: 0,
  evidenceChanged: 0,
  workers: 0,
  workersChanged: 0,
  receipts: 0,
  receiptsChanged: 0,
}

const isChange = ({ before, after }: Rulings): boolean => before.state !== after.state

/**
 * Yields one page after the other; the counts add up. Workers come first, each
 * by its newest evidence. Throws VerificationError where the newer collateral is
 * not genuine.
 */
export async function* replay(
  { store, crypto }: ReplayDeps,
  proposal: Proposal,
): AsyncGenerator<ReplayPage> {
  const rejudge = await createRejudge(crypto, proposal)
  let counts = nothing
  for await (const page of replayEvidence(store, rejudge)) {
    counts = sum(counts, page.counts)
    yield { changes: page.changes, counts }
  }
  for await (const page of replayReceipts(store, rejudge)) {
    counts = sum(counts, page.counts)
    yield { changes: page.changes, counts }
  }
}

const sum = (a: ReplayCounts, b: Partial<ReplayCounts>): ReplayCounts =>
  Object.fromEntries(
    Object.entries(a).map(([name, count]) => [name, count + (b[name as keyof ReplayCounts] ?? 0)]),
  ) as ReplayCounts

type Part = {
  readonly changes: readonly VerdictChange[]
  readonly counts: Partial<ReplayCounts>
}

/** All evidence, newest first: the first of a worker is the one it works with. */
async function* replayEvidence(store: ReplayDeps['store'], rejudge: Rejudge): AsyncGenerator<Part> {
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const { items, next } = await store.appraisals(evidencePage, cursor)
    cursor = next
    const changes: VerdictChange[] = []
    const tally = { evidence: items.length, recollateralised: 0, evidenceChanged: 0, workers: 0 }
    for (const row of items) {
      const reopened = await rejudge(row)
      const change = await changeOf(`workers/${row.worker}`, row.sha256, row.appraisedAt, reopened)
      if (reopened.recollateralised) tally.recollateralised++
      if (change) tally.evidenceChanged++
      if (!seen.has(row.worker)) {
        seen.add(row.worker)
        tally.workers++
        if (change) changes.push(change)
      }
      await turn()
    }
    yield { changes, counts: { ...tally, workersChanged: changes.length } }
  } while (cursor !== undefined)
}

/** All receipts, oldest first, each as of the moment it was logged. */
async function* replayReceipts(store: ReplayDeps['store'], rejudge: Rejudge): AsyncGenerator<Part> {
  const reopened = new Lru<Reopened>(reopenedAtOnce)
  const open = async (sha256: string): Promise<Reopened | undefined> => {
    const known = reopened.get(sha256)
    if (known) return known
    const row = await store.evidence(sha256)
    if (!row) return undefined
    const fresh = await rejudge(row)
    reopened.set(sha256, fresh)
    return fresh
  }
  // What is logged meanwhile was judged by the policy in force, and is not looked at.
  const size = (await store.checkpoint())?.size ?? 0
  for (let from = 0; from < size; from += receiptsPage) {
    const entries = await store.logEntries(from, Math.min(size, from + receiptsPage))
    const changes: VerdictChange[] = []
    const tally = { receipts: 0 }
    for (const { index, entry, evidenceSha256 } of entries) {
      const time = receiptTime(entry)
      const evidence = time === undefined ? undefined : await open(evidenceSha256)
      if (time === undefined || !evidence) continue
      tally.receipts++
      const change = await changeOf(`receipts/${index}`, evidenceSha256, time, evidence)
      if (change) changes.push(change)
    }
    yield { changes, counts: { ...tally, receiptsChanged: changes.length } }
    await turn()
  }
}

async function changeOf(
  name: string,
  evidenceSha256: string,
  time: number,
  { asOf, asOfNow }: Reopened,
): Promise<VerdictChange | undefined> {
  const asOfLogged = await asOf(time)
  if (!isChange(asOfLogged) && !isChange(asOfNow)) return undefined
  return { name, evidenceSha256, time, asOfLogged, asOfNow }
}

// Entries are small: a few digests and a time.
const maxEntryBytes = 4096

const entryDecoder = openObject({ type: string({ max: 256 }), time: rfc3339 })

/** When a receipt was logged, in milliseconds; undefined for entries of other kinds. */
function receiptTime(bytes: Uint8Array): number | undefined {
  const { type, time } = entryDecoder(parseJson(bytes, { maxBytes: maxEntryBytes }))
  return type === logEntryType ? fromRfc3339(time) : undefined
}

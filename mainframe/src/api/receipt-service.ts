// ReceiptService and LogService: what the log holds, and proofs of it.

import type { ServiceImpl } from '@connectrpc/connect'
import type { LogService, ReceiptService } from '@vorta/api'
import { idIn } from '@vorta/api/server/names'
import type { Evidence } from '@vorta/attestation'
import { fail, parseJson } from '@vorta/core'
import { type Envelope, encodeReceipt, logEntryType, makeReceipt } from '@vorta/receipt'
import type { LogIdentity } from '../cluster/session.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { Store } from '../store/store.ts'

export type ReceiptServiceDeps = {
  readonly store: Store
  readonly log: LogReader
  readonly logIdentity: LogIdentity
}

// Our own rows, read back.
const maxRowBytes = 4 << 20

export function receiptService(deps: ReceiptServiceDeps): ServiceImpl<typeof ReceiptService> {
  return {
    getReceipt: async ({ name }) => {
      const index = name.startsWith('receipts/')
        ? indexIn(name)
        : await indexOfJob(deps.store, idIn('jobs', name))
      return { receipt: await assembleReceipt(deps, index) }
    },
  }
}

/** The receipt file at an index: always the same bytes, since it cites the first checkpoint over it. */
export async function assembleReceipt(
  { store, log, logIdentity }: ReceiptServiceDeps,
  index: number,
) {
  const [row, checkpoint] = await Promise.all([
    store.logEntry(index),
    store.checkpointCovering(index),
  ])
  const evidence = row && (await store.evidence(row.evidenceSha256))
  if (!row || !checkpoint || !evidence)
    throw fail('RECEIPT_NOT_FOUND', `receipts/${index} does not exist`)
  const entry = parseJson(row.entry, { maxBytes: maxRowBytes }) as {
    readonly type: string
    readonly time: string
  }
  if (entry.type !== logEntryType) {
    throw fail('RECEIPT_NOT_FOUND', `receipts/${index} does not exist: the entry is ${entry.type}`)
  }
  return encodeReceipt(
    makeReceipt({
      envelope: parseJson(row.envelope, { maxBytes: maxRowBytes }) as unknown as Envelope,
      evidence: parseJson(evidence.evidence, { maxBytes: maxRowBytes }) as unknown as Evidence,
      log: {
        origin: logIdentity.origin,
        index,
        time: entry.time,
        inclusion: await log.inclusion(index, checkpoint.size),
        checkpoint: checkpoint.note,
      },
    }),
  )
}

function indexIn(name: string): number {
  const text = idIn('receipts', name)
  if (!/^(?:0|[1-9]\d{0,14})$/.test(text)) {
    throw fail(
      'INVALID_ARGUMENT',
      `name: expected "receipts/<index>", got ${JSON.stringify(name)}`,
      { meta: { field: 'name' } },
    )
  }
  return Number(text)
}

async function indexOfJob(store: Store, id: string): Promise<number> {
  const job = await store.job(id)
  if (!job) throw fail('JOB_NOT_FOUND', `jobs/${id} does not exist`)
  if (job.receiptIndex === undefined) {
    throw fail('JOB_NOT_FINISHED', `jobs/${id} has no receipt: it is ${job.state}`, {
      hints: [`vorta-cli job watch ${id}`],
    })
  }
  return job.receiptIndex
}

export function logService({
  store,
  log,
  logIdentity,
}: ReceiptServiceDeps): ServiceImpl<typeof LogService> {
  /** The size asked for, or that of the newest checkpoint. */
  const sizeOf = async (asked: bigint): Promise<number> => {
    const newest = await log.size()
    if (newest === 0) throw fail('LOG_RANGE', 'the log has no entries yet, and so no proofs')
    return asked === 0n ? newest : Number(asked)
  }

  return {
    getCheckpoint: async () => ({
      checkpoint: await log.checkpoint(),
      key: logIdentity.key,
    }),

    getInclusionProof: async ({ index, size: asked }) => {
      const size = await sizeOf(asked)
      const hashes = [...(await log.inclusion(Number(index), size))]
      const row = await store.logEntry(Number(index))
      return { size: BigInt(size), hashes, entry: row?.entry ?? new Uint8Array() }
    },

    getConsistencyProof: async ({ oldSize, newSize: asked }) => {
      const newSize = await sizeOf(asked)
      const hashes = await log.consistency(Number(oldSize), newSize)
      return { newSize: BigInt(newSize), hashes: [...hashes] }
    },
  }
}

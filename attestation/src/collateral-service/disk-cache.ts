// The collateral on disk, one file a set. What is read back is untrusted like
// everything that comes from outside; whoever uses it verifies it again.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '@vorta/core'
import { decode, integer, object } from '@vorta/core/decode'
import { type Collateral, collateralDecoder } from '../collateral.ts'
import { refuse } from '../errors.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import { type CollateralKey, keyText } from './fetch-collateral.ts'

export type StoredCollateral = {
  /** Milliseconds; when an endpoint was asked for it. */
  readonly fetchedAt: number
  readonly collateral: Collateral
}

const stored = object({
  fetchedAt: integer(0, Number.MAX_SAFE_INTEGER),
  collateral: collateralDecoder,
})

// Two CRLs as hex and two documents at their limits.
const maxFileBytes = 8 * 1024 * 1024

const pathOf = (folder: string, key: CollateralKey): string => join(folder, `${keyText(key)}.json`)

export const writeStored = (
  folder: string,
  key: CollateralKey,
  entry: StoredCollateral,
): Promise<void> => writeDurably(pathOf(folder, key), JSON.stringify(entry))

/** Undefined where there is none. Throws COLLATERAL_FORMAT for a damaged file. */
export async function readStored(
  folder: string,
  key: CollateralKey,
): Promise<StoredCollateral | undefined> {
  const path = pathOf(folder, key)
  const misfit = (text: string) => refuse('COLLATERAL_FORMAT', `${path}: ${text}`)
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  try {
    return decode(stored, parseJson(text, { maxBytes: maxFileBytes }), misfit)
  } catch (thrown) {
    throw misfit((thrown as Error).message)
  }
}

const fileName = /^(sgx|tdx)-([0-9a-f]{12})-(platform|processor)-(standard|early|[0-9]{1,7})\.json$/

/** What the folder has files for, newest first: a newer set has the CRLs for the older ones. */
export async function storedKeys(folder: string): Promise<readonly CollateralKey[]> {
  const names = await readdir(folder).catch(() => []) // no folder yet: nothing stored
  const found = names.flatMap((name) => {
    const [, tee, fmspc, ca, edition] = fileName.exec(name) ?? []
    if (edition === undefined) return []
    const update = /^\d/.test(edition) ? Number(edition) : edition
    return [{ tee, fmspc, ca, update } as CollateralKey]
  })
  const dated = await Promise.all(
    found.map(async (key) => ({
      key,
      at: (await stat(pathOf(folder, key)).catch(() => ({ mtimeMs: 0 }))).mtimeMs,
    })),
  )
  return dated.sort((a, b) => b.at - a.at).map(({ key }) => key)
}

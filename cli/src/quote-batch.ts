// A folder of quotes, each with its collateral: what `quote verify --batch` reads.

import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseJson } from '@vorta/core'
import { maxDocumentBytes, readInput, unreadable } from './input.ts'
import type { Io } from './io.ts'
import { type QuoteFile, quoteDocument, readCollateral, readQuote } from './quotes.ts'

export const batchLayout = `A folder for --batch holds for each case either X.json, a document {quote, collateral} with the quote
in hex or base64, or a pair: the quote as X.bin, X.hex, X.b64 or X.quote, and X.collateral.json.
X.json may also have verifyTime (Unix seconds, used unless --at is given) and rootCaPem (trusted
only with --allow-simulated, and then as a simulated root). Other files, and JSON without a quote,
are left out.`

const collateralEnd = '.collateral.json'
const quoteName = /\.(?:bin|hex|b64|quote)$/

export type BatchCase = {
  /** File name within the folder. */
  readonly file: string
  /** Undefined where the file is no case. Throws FILE_UNREADABLE, TOO_LARGE or MALFORMED_JSON. */
  readonly read: () => Promise<QuoteFile | undefined>
}

/** In the order of their names. Throws FILE_UNREADABLE. */
export async function batchCases(io: Io, folder: string): Promise<readonly BatchCase[]> {
  const names = await readdir(resolve(io.cwd, folder)).catch(unreadable(folder))
  return names.sort().flatMap((file): BatchCase[] => {
    const path = join(folder, file)
    if (quoteName.test(file)) return [{ file, read: () => readPair(io, path) }]
    const isDocument = file.endsWith('.json') && !file.endsWith(collateralEnd)
    return isDocument ? [{ file, read: () => readDocument(io, path) }] : []
  })
}

async function readPair(io: Io, path: string): Promise<QuoteFile> {
  const collateral = await readCollateral(io, path.replace(quoteName, collateralEnd))
  return { ...(await readQuote(io, path)), collateral }
}

async function readDocument(io: Io, path: string): Promise<QuoteFile | undefined> {
  const json = parseJson(await readInput(io, path), { maxBytes: maxDocumentBytes })
  const isCase = typeof json === 'object' && json !== null && 'quote' in json
  return isCase ? quoteDocument(json) : undefined
}

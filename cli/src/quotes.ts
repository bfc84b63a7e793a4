// Quotes in the forms people have them: raw, hexadecimal, base64, or a JSON
// document that holds the quote and its collateral.

import { fromBase64, fromHex, fromUtf8, type JsonObject, parseJson } from '@vorta/core'
import { maxDocumentBytes, readInput } from './input.ts'
import type { Io } from './io.ts'

export type QuoteFile = {
  readonly quote: Uint8Array
  /** What stood beside it, if it came in a JSON document. */
  readonly collateral?: unknown
}

/** Throws FILE_UNREADABLE, TOO_LARGE or MALFORMED_JSON. */
export async function readQuote(io: Io, path: string): Promise<QuoteFile> {
  const bytes = await readInput(io, path)
  const text = fromUtf8(bytes)?.trim()
  if (text?.startsWith('{')) {
    const { quote, collateral } = parseJson(text, { maxBytes: maxDocumentBytes }) as JsonObject
    return { quote: fromText(String(quote ?? '')) ?? new Uint8Array(), collateral }
  }
  return { quote: (text === undefined ? undefined : fromText(text)) ?? bytes }
}

function fromText(text: string): Uint8Array | undefined {
  const joined = text.replace(/\s+/g, '')
  return fromHex(joined.toLowerCase().replace(/^0x/, '')) ?? fromBase64(joined)
}

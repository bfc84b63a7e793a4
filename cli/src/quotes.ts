// Quotes in the forms people have them: raw, hexadecimal, base64, or a JSON
// document that holds the quote and what it is to be judged by. Reads files;
// believes nothing in them.

import { fromBase64, fromHex, fromUtf8, type Json, parseJson, toHex } from '@vorta/core'
import { maxDocumentBytes, readInput } from './input.ts'
import type { Io } from './io.ts'

export type QuoteFile = {
  readonly quote: Uint8Array
  /** What stood beside it, if it came in a JSON document. */
  readonly collateral?: unknown
  /** A root that the document names. Nobody has to trust it. */
  readonly rootPem?: string
  /** The moment that the document is meant for, in milliseconds. */
  readonly moment?: number
}

/** Throws FILE_UNREADABLE, TOO_LARGE or MALFORMED_JSON. */
export async function readQuote(io: Io, path: string): Promise<QuoteFile> {
  const bytes = await readInput(io, path)
  const text = fromUtf8(bytes)?.trim()
  if (text?.startsWith('{')) return quoteDocument(parseJson(text, { maxBytes: maxDocumentBytes }))
  return { quote: (text === undefined ? undefined : fromText(text)) ?? bytes }
}

/** Members that are not of their kind are left out: the verifier says what is missing then. */
export function quoteDocument(json: Json): QuoteFile {
  const { quote, collateral, rootCaPem, verifyTime } = json as Readonly<Record<string, Json>>
  return {
    quote: (typeof quote === 'string' && fromText(quote)) || new Uint8Array(),
    ...(collateral !== undefined && { collateral: plainCollateral(collateral) }),
    ...(typeof rootCaPem === 'string' && { rootPem: rootCaPem }),
    ...(typeof verifyTime === 'number' && { moment: verifyTime * 1000 }),
  }
}

/** Throws FILE_UNREADABLE, TOO_LARGE or MALFORMED_JSON. */
export async function readCollateral(io: Io, path: string): Promise<unknown> {
  return plainCollateral(parseJson(await readInput(io, path), { maxBytes: maxDocumentBytes }))
}

const byteMembers = ['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_signature']

/**
 * Collateral as our decoder takes it. Other tools write the same members with
 * hex in upper case, as arrays of numbers or as what JavaScript makes of typed
 * arrays, and null where nothing is.
 */
export function plainCollateral(json: Json): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json
  const members = Object.entries(json).filter(([, value]) => value !== null)
  return Object.fromEntries(
    members.map(([name, value]) => [name, byteMembers.includes(name) ? plainHex(value) : value]),
  )
}

function plainHex(value: Json): Json {
  if (typeof value === 'string') return value.toLowerCase()
  if (typeof value !== 'object' || value === null) return value
  const data = 'data' in value ? value.data : value
  const bytes = Object.values(data as object)
  return bytes.every((byte) => Number.isInteger(byte)) ? toHex(Uint8Array.from(bytes)) : value
}

function fromText(text: string): Uint8Array | undefined {
  const joined = text.replace(/\s+/g, '')
  return fromHex(joined.toLowerCase().replace(/^0x/, '')) ?? fromBase64(joined)
}

// Evidence for an attestation service from files: an evidence document, a
// receipt that has one in it, or a bare quote with what it has to bind.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { AppraiseEvidenceRequestSchema, RawQuoteSchema } from '@vorta/api'
import { type Bytes, fail, fromHex, fromUtf8, type JsonObject, parseJson, utf8 } from '@vorta/core'
import type { Options, Values } from './command.ts'
import { maxDocumentBytes, readInput } from './input.ts'
import type { Io } from './io.ts'
import { readCollateral, readQuote } from './quotes.ts'

export const presentedOptions = {
  collateral: {
    type: 'string',
    value: 'FILE',
    summary: 'of a bare quote: its collateral (default: the service finds it)',
  },
  'event-log': { type: 'string', value: 'FILE', summary: 'of a bare TDX quote: its event log' },
  claims: {
    type: 'string',
    value: 'FILE',
    summary: 'a bare quote must bind these claims (canonical JSON)',
  },
  'user-data': {
    type: 'string',
    value: 'FILE',
    summary: 'a bare quote must bind SHA-512 of the nonce and this file',
  },
  'report-data': {
    type: 'string',
    value: 'HEX',
    summary: 'a bare quote must have this report data, 64 bytes',
  },
} as const satisfies Options

type Presented = Pick<MessageInitShape<typeof AppraiseEvidenceRequestSchema>, 'evidence' | 'quote'>

/** Throws USAGE, FILE_UNREADABLE, TOO_LARGE or MALFORMED_JSON. */
export async function readPresented(
  io: Io,
  path: string,
  values: Values<typeof presentedOptions>,
): Promise<Presented> {
  const evidence = evidenceIn(await readInput(io, path))
  if (evidence) return { evidence }
  if (path === '-') throw fail('USAGE', 'a bare quote comes from a file, not from stdin')
  const { quote, collateral: beside } = await readQuote(io, path)
  const collateral =
    values.collateral === undefined ? beside : await readCollateral(io, values.collateral)
  const eventLog = values['event-log']
  return {
    quote: {
      quote,
      ...(collateral !== undefined && { collateral: utf8(JSON.stringify(collateral)) }),
      ...(eventLog !== undefined && { eventLog: await readInput(io, eventLog) }),
      binding: await readBinding(io, values),
    },
  }
}

/** The evidence in a document that is evidence, or that has some. Throws MALFORMED_JSON. */
export function evidenceIn(bytes: Bytes): Bytes | undefined {
  if (!fromUtf8(bytes)?.trimStart().startsWith('{')) return undefined
  const document = parseJson(bytes, { maxBytes: maxDocumentBytes }) as JsonObject
  if ('claims' in document) return bytes
  const { evidence } = document
  return evidence === undefined ? undefined : utf8(JSON.stringify(evidence))
}

type Binding = NonNullable<MessageInitShape<typeof RawQuoteSchema>['binding']>

async function readBinding(io: Io, values: Values<typeof presentedOptions>): Promise<Binding> {
  const { claims, 'user-data': userData, 'report-data': reportData } = values
  if ([claims, userData, reportData].filter((given) => given !== undefined).length !== 1) {
    throw fail('USAGE', 'a bare quote needs one of --claims, --user-data and --report-data', {
      hints: ['a quote that is held against nothing could have been made for anybody'],
    })
  }
  if (claims !== undefined) return { case: 'claims', value: await readInput(io, claims) }
  if (userData !== undefined) return { case: 'userData', value: await readInput(io, userData) }
  const value = fromHex(reportData ?? '')
  if (!value) throw fail('USAGE', '--report-data: expected lower-case hex digits')
  return { case: 'reportData', value }
}

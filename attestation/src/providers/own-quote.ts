// What a program reads in its own quotes: what kind of evidence they make, what
// they say runs here, and that they answer what was asked. Nothing is verified:
// whoever is to believe it verifies it.

import { equal, fromUtf8, toHex, VortaError } from '@vorta/core'
import { simulatedAnchor } from '../anchors.ts'
import type { EvidenceKind } from '../evidence-kind.ts'
import { parsePemChain } from '../pem.ts'
import { type ParsedQuote, parseQuote } from '../quote.ts'
import { checkReportData, type FreshQuote, type QuoteProvider } from './quote-provider.ts'

/** `throw unavailable('…', hints)`: this machine gives no quote, or no good one. */
export const unavailable = (message: string, hints: readonly string[] = [], cause?: unknown) =>
  new VortaError('QUOTE_UNAVAILABLE', message, { hints, cause })

/**
 * Makes a provider of what gives quotes. Asks for a first one, so that a
 * machine that gives none is found out at the start. Throws QUOTE_UNAVAILABLE.
 */
export async function openProvider(
  source: string,
  ask: (reportData: Uint8Array) => Promise<FreshQuote>,
): Promise<QuoteProvider> {
  async function quote(reportData: Uint8Array): Promise<FreshQuote> {
    checkReportData(reportData)
    const fresh = await ask(reportData)
    const got = read(source, () => parseQuote(fresh.quote)).reportData
    if (equal(got, reportData)) return fresh
    throw unavailable(`${source}: the quote is about report data ${toHex(got)}, not what was asked`)
  }
  const first = await quote(new Uint8Array(64))
  const own = parseQuote(first.quote)
  const tee = read(source, () => kindOf(own))
  return {
    tee,
    measurement: own.tee === 'sgx' ? own.report.mrenclave : own.report.mrtd,
    description: `${source}${tee === 'simulated' ? ', SIMULATED: quotes prove nothing about hardware' : ''}`,
    quote,
  }
}

function read<T>(source: string, part: () => T): T {
  try {
    return part()
  } catch (cause) {
    throw unavailable(`${source}: no quote: ${(cause as Error).message}`, [], cause)
  }
}

/** By the root that the quote names itself; a verifier goes by the root that signed. */
function kindOf({ tee, certification }: ParsedQuote): EvidenceKind {
  const chain = fromUtf8(certification.data)?.replace(/\0$/, '') ?? ''
  if (!chain.startsWith('-----BEGIN')) return tee // the chain is to be had from a collateral service
  const isSimulated = parsePemChain(chain, 'PCK chain of the quote').some(({ issuer }) =>
    equal(issuer, simulatedAnchor.subject),
  )
  return isSimulated ? 'simulated' : tee
}

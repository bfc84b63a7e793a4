// Evidence as it is presented: whole, as in a receipt, or a bare quote with what
// it has to bind. Read strictly, with limits first; nothing is judged here.

import type { AppraiseEvidenceRequest, RawQuote } from '@vorta/api'
import {
  type Collateral,
  claimsDecoder,
  collateralDecoder,
  type EnclaveKeyClaims,
  type Evidence,
  evidenceDecoder,
} from '@vorta/attestation'
import { maxEventLog } from '@vorta/attestation/dstack/limits'
import {
  type Bytes,
  type Canonical,
  canonicalBytes,
  fail,
  fromUtf8,
  own,
  parseCanonicalJson,
  parseJson,
  toBase64,
  toHex,
} from '@vorta/core'
import { type Decoder, decode } from '@vorta/core/decode'

/** What the report data of a bare quote has to be. */
export type Binding =
  | { readonly kind: 'claims'; readonly claims: EnclaveKeyClaims }
  /** SHA-512 of the nonce and these bytes. */
  | { readonly kind: 'user-data'; readonly data: Bytes }
  | { readonly kind: 'report-data'; readonly data: Bytes }

export type BareQuote = {
  readonly quote: Bytes
  /** Absent where the service has to find it. */
  readonly collateral?: Collateral
  /** Event log of a TD, JSON. */
  readonly eventLog?: string
  readonly binding: Binding
}

export type Presented =
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  | ({ readonly kind: 'quote' } & BareQuote)

// Evidence with the largest collateral there is takes a third of this.
const maxEvidenceBytes = 1 << 20
const maxQuoteBytes = 64 * 1024
const maxClaimsBytes = 4096
const maxUserData = 64 * 1024

const refuse = (field: string, text: string) =>
  fail('INVALID_ARGUMENT', `${field}: ${text}`, { meta: { field } })

function readJson<T>(field: string, bytes: Uint8Array, decoder: Decoder<T>, maxBytes: number): T {
  return decode(decoder, parseJson(bytes, { maxBytes }), (text) => refuse(field, text))
}

/** Reads whole evidence. Throws INVALID_ARGUMENT, MALFORMED_JSON or TOO_LARGE. */
export const readEvidence = (bytes: Uint8Array): Evidence =>
  readJson('evidence', bytes, evidenceDecoder, maxEvidenceBytes)

/** What a request presents. Throws INVALID_ARGUMENT, MALFORMED_JSON or TOO_LARGE. */
export function readPresented({
  evidence,
  quote,
}: Pick<AppraiseEvidenceRequest, 'evidence' | 'quote'>): Presented {
  if (evidence.length > 0 && !quote) return { kind: 'evidence', evidence: readEvidence(evidence) }
  if (evidence.length > 0 || !quote) throw refuse('evidence', 'expected either evidence or quote')
  return { kind: 'quote', ...readQuote(quote) }
}

function readQuote({ quote, collateral, eventLog, binding }: RawQuote): BareQuote {
  atMost('quote.quote', quote, maxQuoteBytes)
  atMost('quote.event_log', eventLog, maxEventLog)
  const log = fromUtf8(eventLog)
  if (log === undefined) throw refuse('quote.event_log', 'expected UTF-8')
  return {
    quote: own(quote),
    ...(collateral.length > 0 && {
      collateral: readJson('quote.collateral', collateral, collateralDecoder, maxEvidenceBytes),
    }),
    ...(log !== '' && { eventLog: log }),
    binding: readBinding(binding),
  }
}

function readBinding(binding: RawQuote['binding']): Binding {
  switch (binding.case) {
    case 'claims': {
      const json = parseCanonicalJson(binding.value, { maxBytes: maxClaimsBytes })
      const claims = decode(claimsDecoder, json, (text) => refuse('quote.claims', text))
      return { kind: 'claims', claims }
    }
    case 'userData':
      atMost('quote.user_data', binding.value, maxUserData)
      return { kind: 'user-data', data: own(binding.value) }
    case 'reportData':
      if (binding.value.length !== 64) {
        throw refuse('quote.report_data', `expected 64 bytes, got ${binding.value.length}`)
      }
      return { kind: 'report-data', data: own(binding.value) }
    default:
      // A quote that is held against nothing could have been made for anybody.
      throw refuse('quote.binding', 'expected claims, user_data or report_data')
  }
}

function atMost(field: string, bytes: Uint8Array, most: number): void {
  if (bytes.length <= most) return
  throw fail('TOO_LARGE', `${field}: expected at most ${most} bytes, got ${bytes.length}`, {
    meta: { field },
  })
}

/** Canonical JSON of what was presented; its SHA-256 names it. */
export function canonicalOf(presented: Presented): Bytes {
  if (presented.kind === 'evidence') return canonicalBytes(presented.evidence as Canonical)
  const { quote, collateral, eventLog, binding } = presented
  const bound =
    binding.kind === 'claims'
      ? { claims: binding.claims }
      : binding.kind === 'user-data'
        ? { userData: toBase64(binding.data) }
        : { reportData: toHex(binding.data) }
  const json = {
    quote: toBase64(quote),
    ...bound,
    ...(collateral && { collateral }),
    ...(eventLog !== undefined && { eventLog }),
  }
  return canonicalBytes(json as Canonical)
}

// Canonical JSON (RFC 8785, JCS) for everything that is hashed or signed.
// Numbers are whole and safe: RFC 8785 allows doubles, but no signed document
// of ours needs one, and integers leave nothing to argue about.

import { type Bytes, fromUtf8, utf8 } from './bytes.ts'
import { fail } from './errors.ts'
import { type Json, type JsonLimits, parseJson } from './json.ts'

/** What may be signed: JSON whose members may be absent. */
export type Canonical =
  | Json
  | undefined
  | { readonly [key: string]: Canonical }
  | readonly Canonical[]

/** RFC 8785 text of a value. Members that are undefined are left out. */
export function canonicalJson(value: Canonical): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw fail('MALFORMED_JSON', `canonical JSON: expected a safe integer, got ${value}`)
    }
    return String(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === undefined) throw fail('MALFORMED_JSON', 'canonical JSON has no undefined value')
  const object = value as { readonly [key: string]: Canonical }
  // Array.prototype.sort compares UTF-16 code units, as RFC 8785 section 3.2.3 asks.
  const members = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`)
  return `{${members.join(',')}}`
}

export const canonicalBytes = (value: Canonical): Bytes => utf8(canonicalJson(value))

/** Parses bytes that must already be canonical: any other spelling is refused. */
export function parseCanonicalJson(bytes: Uint8Array, limits: JsonLimits): Json {
  const value = parseJson(bytes, limits)
  // Valid UTF-8 has one spelling, so equal texts are equal bytes.
  if (canonicalJson(value) !== fromUtf8(bytes)) {
    throw fail('MALFORMED_JSON', 'JSON document is not in canonical form (RFC 8785)')
  }
  return value
}

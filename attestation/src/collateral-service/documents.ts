// The bodies and headers of a PCS or PCCS in the form collateral has: exact
// signed text, chains in PEM, CRLs in lower-case hex. Servers differ in how they
// spell these (Intel PCS API v3 and v4, PCCS); here the differences end.

import {
  type Bytes,
  fromBase64,
  fromHex,
  fromUtf8,
  parseJson,
  toHex,
  VortaError,
} from '@vorta/core'
import { maxDocument } from '../collateral.ts'
import { refuse } from '../errors.ts'

/** A signed JSON document, of which nothing is believed yet. */
export type SignedDocument = {
  /** The exact characters that were signed. */
  readonly text: string
  /** r||s, 128 lower-case hex digits. */
  readonly signature: string
  /** PEM. */
  readonly chain: string
}

const misfit = (text: string) => refuse('COLLATERAL_FORMAT', text)

/** Takes `{"<member>":{…},"signature":"…"}` apart without touching a character of the member. */
export function readSigned(body: Uint8Array, member: string): Omit<SignedDocument, 'chain'> {
  const text = fromUtf8(body)
  if (text === undefined) throw misfit(`${member}: expected UTF-8`)
  const { signature } = parse(text, member)
  if (typeof signature !== 'string' || !/^[0-9a-fA-F]{128}$/.test(signature)) {
    throw misfit(`${member}: expected a signature of 128 hex digits`)
  }
  return { text: cutMember(text, member), signature: signature.toLowerCase() }
}

/** Strict JSON: repeated keys are refused, so that there is one member of each name to cut. */
function parse(text: string, member: string): { readonly [key: string]: unknown } {
  try {
    // A little more than the document itself, for the signature and its frame.
    const json = parseJson(text, { maxBytes: maxDocument + 1024 })
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json }
  } catch (cause) {
    throw misfit(`${member}: ${VortaError.from(cause).message}`)
  }
  throw misfit(`${member}: expected a JSON object`)
}

// Strings, brackets, and everything between them.
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]|[^"{}[\]]+/gs

/** The characters of an object that is a member of the outermost object of well-formed JSON. */
function cutMember(text: string, member: string): string {
  let depth = 0
  let key = ''
  let start = -1
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === '{' || found === '[') {
      if (depth++ === 1 && key === `"${member}"` && found === '{') start = index
    } else if (found === '}' || found === ']') {
      if (--depth === 1 && start >= 0) return text.slice(start, index + 1)
    } else if (depth === 1 && found.startsWith('"')) {
      key = found
    }
  }
  throw misfit(`expected an object "${member}"`)
}

// Three certificates in PEM are 4 KiB.
const maxChain = 32 * 1024

/** A chain from a header: percent-encoded PEM. A `+` is base64 here, never a space. */
export function readChain(header: string | readonly string[] | undefined, what: string): string {
  if (typeof header !== 'string' || header.length > 3 * maxChain) {
    throw misfit(`${what}: expected one header with a certificate chain`)
  }
  let pem: string
  try {
    pem = decodeURIComponent(header)
  } catch {
    throw misfit(`${what}: expected percent-encoded PEM`)
  }
  return pem.endsWith('\n') ? pem : `${pem}\n`
}

const pemCrl = /^-----BEGIN X509 CRL-----\s([A-Za-z0-9+/=\s]+)-----END X509 CRL-----\s*$/

/** A CRL as DER, as PEM, or as hex in either case: Intel's servers and caches use all three. */
export function readCrl(body: Bytes, what: string): string {
  // DER begins with SEQUENCE; "0" as text would be no SEQUENCE in hex.
  if (body[0] === 0x30) return toHex(body)
  const text = (fromUtf8(body) ?? '').trim()
  const base64 = pemCrl.exec(text)?.[1]
  const der = base64 ? fromBase64(base64.replace(/\s/g, '')) : fromHex(text.toLowerCase())
  if (!der || der.length === 0) throw misfit(`${what}: expected a CRL in DER, PEM or hex`)
  return toHex(der)
}

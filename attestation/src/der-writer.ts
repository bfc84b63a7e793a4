// Writes the DER of RA-TLS certificates and of the simulated PKI. The mirror of der.ts, and
// like it no general ASN.1 library.

import { type Bytes, concat, isZero, utf8 } from '@vorta/core'
import { tags } from './der.ts'

export function element(tag: number, ...contents: readonly Uint8Array[]): Bytes {
  const content = concat(...contents)
  return concat(Uint8Array.of(tag), lengthOf(content), content)
}

function lengthOf({ length }: Uint8Array): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  if (length < 0x100) return Uint8Array.of(0x81, length)
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length & 0xff)
  return Uint8Array.of(0x83, length >> 16, (length >> 8) & 0xff, length & 0xff)
}

export const sequence = (...contents: readonly Uint8Array[]): Bytes =>
  element(tags.sequence, ...contents)

/** A non-negative INTEGER from big-endian bytes. */
export function integer(bytes: Uint8Array): Bytes {
  const first = bytes.findIndex((byte) => byte !== 0)
  const digits = isZero(bytes) ? Uint8Array.of(0) : bytes.subarray(first)
  return element(tags.integer, Uint8Array.of(...((digits[0] ?? 0) < 0x80 ? [] : [0])), digits)
}

export const smallInteger = (value: number): Bytes =>
  integer(Uint8Array.of((value >> 8) & 0xff, value & 0xff))

export const boolean = (value: boolean): Bytes =>
  element(tags.boolean, Uint8Array.of(value ? 0xff : 0))

export const octets = (bytes: Uint8Array): Bytes => element(tags.octetString, bytes)

export const bitString = (bytes: Uint8Array, unused = 0): Bytes =>
  element(tags.bitString, Uint8Array.of(unused), bytes)

export function oid(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(tags.oid, ...[first * 40 + second, ...rest].map(base128))
}

function base128(value: number): Uint8Array {
  const digits = [value & 0x7f]
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80)
  return Uint8Array.from(digits)
}

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280, section 4.1.2.5). */
export function time(ms: number): Bytes {
  const digits = new Date(ms).toISOString().replace(/\.\d{3}Z$|[-:T]/g, '')
  return digits < '2050'
    ? element(tags.utcTime, utf8(`${digits.slice(2)}Z`))
    : element(tags.generalizedTime, utf8(`${digits}Z`))
}

/** A Name of one attribute per entry, in the order of Intel's certificates. */
export const name = (commonName: string): Bytes =>
  sequence(
    ...Object.entries({
      '2.5.4.3': commonName,
      '2.5.4.10': 'Vorta Simulation',
      '2.5.4.7': 'Nowhere',
      '2.5.4.8': 'XX',
      '2.5.4.6': 'XX',
    }).map(([type, value]) => element(tags.set, sequence(oid(type), attributeValue(type, value)))),
  )

/** countryName is a PrintableString by definition, the others are UTF-8. */
const attributeValue = (type: string, value: string): Bytes =>
  element(type === '2.5.4.6' ? tags.printableString : tags.utf8String, utf8(value))

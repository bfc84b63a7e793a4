// A reader for DER (ITU-T X.690), as strict as signatures need it: definite and
// minimal lengths only, every byte accounted for. It has no recursion: callers
// open one level at a time and follow a fixed schema, so depth cannot be
// chosen by the input. Not a general ASN.1 library.

import { type Bytes, own } from '@vorta/core'
import { refuse } from './errors.ts'

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  /** [0] and [3], constructed: X.509 tags version and extensions with them. */
  context0: 0xa0,
  context3: 0xa3,
} as const

export type DerElement = {
  readonly content: Uint8Array
  /** Tag, length and content: what is hashed, signed and compared. */
  readonly raw: Uint8Array
}

const malformed = (text: string) => refuse('DER', `DER: ${text}`)

/** Reads the elements of one level, one after the other. All failures are DER. */
export class DerReader {
  // The level is bytes[at, to): opening one copies nothing, and offsets in
  // refusals count from the beginning of the document.
  private readonly bytes: Uint8Array
  private readonly to: number
  private at: number

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.bytes = bytes
    this.at = from
    this.to = to
  }

  get done(): boolean {
    return this.at === this.to
  }

  /** The tag that comes next; undefined at the end. */
  get next(): number | undefined {
    return this.at < this.to ? this.bytes[this.at] : undefined
  }

  read(tag: number): DerElement {
    const start = this.at
    const content = this.skip(tag)
    return {
      content: this.bytes.subarray(content, this.at),
      raw: this.bytes.subarray(start, this.at),
    }
  }

  /** As `read`, for those who need the content alone. */
  content(tag: number): Uint8Array {
    return this.bytes.subarray(this.skip(tag), this.at)
  }

  /** Reads the element and opens it. */
  inside(tag: number): DerReader {
    return new DerReader(this.bytes, this.skip(tag), this.at)
  }

  /** Goes behind the element; where its content begins. */
  private skip(tag: number): number {
    if (this.next !== tag) {
      throw malformed(`expected tag ${tag} at offset ${this.at}, got ${this.next ?? 'the end'}`)
    }
    this.at++
    const length = this.length()
    if (length > this.to - this.at) {
      throw malformed(`expected ${length} bytes at offset ${this.at}, got fewer`)
    }
    this.at += length
    return this.at - length
  }

  end(): void {
    if (!this.done) throw malformed(`expected the end at offset ${this.at}, got more bytes`)
  }

  private byte(): number {
    const value = this.next
    if (value === undefined) throw malformed(`expected a length at offset ${this.at}, got the end`)
    this.at++
    return value
  }

  private length(): number {
    const first = this.byte()
    if (first < 0x80) return first
    const count = first & 0x7f
    // 0x80 alone is the indefinite form; three bytes reach 16 MiB, beyond every input limit.
    if (count === 0 || count > 3) throw malformed(`length of ${count} bytes is not accepted`)
    let value = 0
    for (let i = 0; i < count; i++) value = value * 256 + this.byte()
    if (value < 0x80 || value < 256 ** (count - 1)) throw malformed('length is not minimal')
    return value
  }
}

/** Opens bytes that are exactly one element. */
export function openDer(bytes: Uint8Array, tag: number): DerReader {
  const outer = new DerReader(bytes)
  const inner = outer.inside(tag)
  outer.end()
  return inner
}

/** Content bytes of an INTEGER that is not negative and has no needless leading zero. */
export function readUnsigned(reader: DerReader, tag: number = tags.integer): Uint8Array {
  const content = reader.content(tag)
  const first = content[0]
  const second = content[1]
  if (first === undefined || first >= 0x80) throw malformed('expected a non-negative integer')
  if (first === 0 && second !== undefined && second < 0x80) {
    throw malformed('integer has a needless leading zero')
  }
  return content
}

/** An INTEGER or ENUMERATED from 0 to `max`, at most 65535. */
export function readSmall(reader: DerReader, max: number, tag: number = tags.integer): number {
  const content = readUnsigned(reader, tag)
  const value = content.length > 3 ? Number.POSITIVE_INFINITY : toNumber(content)
  if (value > max) throw malformed(`expected an integer up to ${max}`)
  return value
}

export function readBoolean(reader: DerReader): boolean {
  const content = reader.content(tags.boolean)
  const value = content[0]
  if (content.length !== 1 || (value !== 0 && value !== 0xff)) throw malformed('expected a boolean')
  return value === 0xff
}

export function readOctets(reader: DerReader, length: number): Bytes {
  const content = reader.content(tags.octetString)
  if (content.length !== length) {
    throw malformed(`expected ${length} octets, got ${content.length}`)
  }
  return own(content)
}

/** A BIT STRING of whole bytes. */
export function readBitString(reader: DerReader): Uint8Array {
  const content = reader.content(tags.bitString)
  if (content[0] !== 0) throw malformed('expected a bit string of whole bytes')
  return content.subarray(1)
}

const maxOidLength = 32

/** An OBJECT IDENTIFIER in dotted form. */
export function readOid(reader: DerReader): string {
  const content = reader.content(tags.oid)
  if (content.length === 0 || content.length > maxOidLength) throw malformed('OID has a bad length')
  const arcs: number[] = []
  let value = 0
  let started = false
  for (const byte of content) {
    if (!started && byte === 0x80) throw malformed('OID arc is not minimal')
    value = value * 128 + (byte & 0x7f)
    if (value > 0xffffffff) throw malformed('OID arc is too large')
    started = (byte & 0x80) !== 0
    if (started) continue
    if (arcs.length === 0) {
      const root = Math.min(Math.floor(value / 40), 2)
      arcs.push(root, value - root * 40)
    } else {
      arcs.push(value)
    }
    value = 0
  }
  if (started) throw malformed('OID ends within an arc')
  return arcs.join('.')
}

/** UTCTime or GeneralizedTime in UTC with whole seconds, as RFC 5280 section 4.1.2.5 asks; milliseconds. */
export function readTime(reader: DerReader): number {
  const isUtc = reader.next === tags.utcTime
  const content = reader.content(isUtc ? tags.utcTime : tags.generalizedTime)
  const yearDigits = isUtc ? 2 : 4
  if (content.length !== yearDigits + 11 || content.at(-1) !== 0x5a) {
    throw malformed('expected a time in UTC with seconds')
  }
  const field = (at: number): number => readDigits(content, yearDigits + at, 2)
  const digits = readDigits(content, 0, yearDigits)
  const year = isUtc ? digits + (digits < 50 ? 2000 : 1900) : digits
  if (!isUtc && year < 2050) throw malformed('GeneralizedTime before 2050')
  const [month, day, hour, minute, second] = [field(0), field(2), field(4), field(6), field(8)]
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  // Date.UTC carries what is too large over: the 30th of February would be in March.
  const isReal =
    hour < 24 && minute < 60 && second < 60 && new Date(ms).getUTCDate() === day && month <= 12
  if (!isReal || month < 1 || day < 1) throw malformed('no such time')
  return ms
}

function readDigits(content: Uint8Array, from: number, count: number): number {
  let value = 0
  for (let i = from; i < from + count; i++) {
    const digit = (content[i] ?? 0) - 0x30
    if (!(digit >= 0 && digit <= 9)) throw malformed('expected a digit in a time')
    value = value * 10 + digit
  }
  return value
}

const toNumber = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0)

// The little of CBOR (RFC 8949) that RA-TLS needs, read as strictly as what is
// hashed deserves: definite lengths and shortest heads only, every byte
// accounted for. The order of a map's keys is left open: Gramine, librats and we
// write the same claims in different orders, and their hash covers the bytes.

import { type Bytes, concat, fromUtf8, own, utf8 } from '@vorta/core'
import { type QuoteFault, refuse } from '../errors.ts'

const major = { unsigned: 0, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

// Claims that are not known are skipped; no real one nests deeper.
const maxDepth = 8

/** Reads the items of one CBOR sequence; all failures have the code it was made with. */
export class CborReader {
  private readonly input: Uint8Array
  private readonly fault: QuoteFault
  private at = 0

  constructor(input: Uint8Array, fault: QuoteFault) {
    this.input = input
    this.fault = fault
  }

  unsigned(): number {
    return this.head(major.unsigned)
  }

  bytes(): Bytes {
    return own(this.take(this.head(major.bytes)))
  }

  text(): string {
    const text = fromUtf8(this.take(this.head(major.text)))
    if (text === undefined) throw this.malformed('text is not UTF-8')
    return text
  }

  /** Opens an array of exactly `count` items. */
  array(count: number): void {
    const got = this.head(major.array)
    if (got !== count) throw this.malformed(`expected an array of ${count}, got ${got}`)
  }

  /** Opens a map; gives the number of its pairs. */
  map(): number {
    return this.head(major.map)
  }

  tag(expected: number): void {
    const got = this.head(major.tag)
    if (got !== expected) throw this.malformed(`expected tag ${expected}, got ${got}`)
  }

  /** Passes over one item of any kind. */
  skip(depth = 0): void {
    if (depth > maxDepth) throw this.malformed('nested too deeply')
    const { type, argument } = this.anyHead()
    if (type === major.bytes || type === major.text) this.take(argument)
    else if (type === major.tag) this.skip(depth + 1)
    else if (type === major.array || type === major.map) {
      // Each item takes a byte at least: the input's length bounds this loop.
      const items = type === major.map ? 2 * argument : argument
      for (let i = 0; i < items; i++) this.skip(depth + 1)
    }
  }

  end(): void {
    if (this.at !== this.input.length) throw this.malformed('expected the end, got more bytes')
  }

  private head(expected: number): number {
    const { type, argument } = this.anyHead()
    if (type !== expected) throw this.malformed(`expected major type ${expected}, got ${type}`)
    return argument
  }

  private anyHead(): { readonly type: number; readonly argument: number } {
    const [first = 0] = this.take(1)
    const type = first >> 5
    const info = first & 0x1f
    if (info < 24) return { type, argument: info }
    // 27 is 64 bits: only a float or a wild length would need them. 31 is the indefinite form.
    if (info > 26) throw this.malformed(`head 0x${first.toString(16)} is not accepted`)
    const size = 2 ** (info - 24)
    const argument = this.take(size).reduce((sum, byte) => sum * 256 + byte, 0)
    // Below major type 7 the same number would have had a shorter head (section 4.2.1).
    const least = info === 24 ? 24 : 256 ** (size / 2)
    if (type !== major.simple && argument < least) throw this.malformed('head is not the shortest')
    return { type, argument }
  }

  private take(length: number): Uint8Array {
    if (length > this.input.length - this.at) throw this.malformed('ends within an item')
    this.at += length
    return this.input.subarray(this.at - length, this.at)
  }

  private malformed(text: string) {
    return refuse(this.fault, `CBOR at byte ${this.at}: ${text}`)
  }
}

function head(type: number, argument: number): Uint8Array {
  const lead = type << 5
  if (argument < 24) return Uint8Array.of(lead | argument)
  if (argument < 0x100) return Uint8Array.of(lead | 24, argument)
  return Uint8Array.of(lead | 25, argument >> 8, argument & 0xff)
}

/** Writers; lengths, numbers and tags up to 65535. */
export const cbor = {
  unsigned: (value: number): Uint8Array => head(major.unsigned, value),
  bytes: (value: Uint8Array): Bytes => concat(head(major.bytes, value.length), value),
  text: (value: string): Bytes => concat(head(major.text, utf8(value).length), utf8(value)),
  array: (...items: readonly Uint8Array[]): Bytes =>
    concat(head(major.array, items.length), ...items),
  map: (...pairs: readonly (readonly [key: string, value: Uint8Array])[]): Bytes =>
    concat(
      head(major.map, pairs.length),
      ...pairs.flatMap(([key, value]) => [cbor.text(key), value]),
    ),
  tag: (tag: number, item: Uint8Array): Bytes => concat(head(major.tag, tag), item),
} as const

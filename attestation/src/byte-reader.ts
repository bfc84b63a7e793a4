// Reads little-endian fields one after the other and never past the end. What
// it hands out are views of the bytes it was given.

import type { Bytes } from '@vorta/core'
import { refuse } from './errors.ts'

export class ByteReader {
  readonly bytes: Bytes
  private readonly what: string
  private readonly view: DataView
  private at = 0

  constructor(bytes: Bytes, what: string) {
    this.bytes = bytes
    this.what = what
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.at
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  take(length: number): Bytes {
    const from = this.skip(length)
    return this.bytes.subarray(from, this.at)
  }

  u16(): number {
    return this.view.getUint16(this.skip(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), true)
  }

  nested(length: number, what: string): ByteReader {
    return new ByteReader(this.take(length), what)
  }

  end(): void {
    if (this.left > 0) {
      throw refuse('QUOTE_FORMAT', `${this.what}: expected its end, got ${this.left} bytes more`)
    }
  }

  /** Where the skipped bytes begin. */
  private skip(length: number): number {
    if (length > this.left) {
      throw refuse(
        'QUOTE_FORMAT',
        `${this.what}: expected ${length} bytes at offset ${this.at}, got ${this.left}`,
      )
    }
    const from = this.at
    this.at += length
    return from
  }
}

// The loadable part of Gramine's enclave image, libpal.so: an ELF64 shared
// object for x86-64 (System V ABI, chapters 4 and 5). Sections, symbols and
// relocations are not looked at; they are not what the enclave is loaded from.

import { VortaError } from '@vorta/core'
import { pageSize } from './versions.ts'

// The genuine image is below 1 MB.
const maxImageBytes = 64 * 2 ** 20
const maxMemory = 256 * 2 ** 20
const maxProgramHeaders = 64

const headerLength = 64
const programHeaderLength = 56
const sharedObject = 3
const x86Linux = 62
const ptLoad = 1

export type Segment = {
  /** First page and end of the last one, relative to the image. */
  readonly start: number
  readonly end: number
  readonly readable: boolean
  readonly writable: boolean
  readonly executable: boolean
  /** What stands in memory from `start` on; zeros follow up to `end`. */
  readonly content: Uint8Array
}

export type Image = {
  readonly entry: number
  /** Bytes of address space, whole pages. */
  readonly size: number
  /** In ascending order, no page twice. */
  readonly segments: readonly Segment[]
}

/** Throws LIBPAL_INVALID. */
export function readImage(file: Uint8Array): Image {
  if (file.length > maxImageBytes) {
    throw invalid(`expected at most ${maxImageBytes} bytes, got ${file.length}`)
  }
  const fields = new Fields(file)
  checkHeader(fields)
  const segments: Segment[] = []
  // One by one, so that no file makes us copy more than an enclave could hold.
  for (const segment of loadable(fields)) {
    // A page that is added twice would be refused by the CPU.
    if (segment.start < (segments.at(-1)?.end ?? 0)) {
      throw invalid('expected segments in ascending order that share no page')
    }
    segments.push(segment)
  }
  const last = segments.at(-1)
  if (segments[0]?.start !== 0 || last === undefined) {
    throw invalid('expected the first loadable segment at address 0')
  }
  const entry = fields.u64(24)
  if (!segments.some((s) => s.executable && entry >= s.start && entry < s.end)) {
    throw invalid('expected the entry point in an executable segment')
  }
  return { entry, size: last.end, segments }
}

function checkHeader(fields: Fields): void {
  // Magic number, 64 bits, little-endian, version 1.
  if (fields.u32(0) !== 0x464c457f || fields.u32(4) % 2 ** 24 !== 0x01_01_02) {
    throw invalid('expected an ELF file of 64 bits, little-endian')
  }
  if (fields.u16(16) !== sharedObject) throw invalid('expected a shared object')
  if (fields.u16(18) !== x86Linux) throw invalid('expected the machine x86-64')
  if (fields.u16(54) !== programHeaderLength) throw invalid('expected program headers of 56 bytes')
}

function* loadable(fields: Fields): Generator<Segment> {
  const first = fields.u64(32)
  const count = fields.u16(56)
  if (count > maxProgramHeaders) {
    throw invalid(`expected at most ${maxProgramHeaders} program headers, got ${count}`)
  }
  for (let index = 0; index < count; index++) {
    const at = first + index * programHeaderLength
    if (fields.u32(at) === ptLoad) yield segment(fields, at)
  }
}

function segment(fields: Fields, at: number): Segment {
  const flags = fields.u32(at + 4)
  const offset = fields.u64(at + 8)
  const address = fields.u64(at + 16)
  const fileSize = fields.u64(at + 32)
  const memorySize = fields.u64(at + 40)
  if (fileSize > memorySize || address + memorySize > maxMemory) {
    throw invalid(`expected segments within ${maxMemory} bytes of memory`)
  }
  // Pages of the file become pages of memory.
  const lead = address % pageSize
  if (offset % pageSize !== lead) throw invalid('expected segments aligned to pages')
  const bytes = fields.slice(offset, fileSize)
  const content = new Uint8Array(lead + fileSize)
  content.set(bytes, lead)
  return {
    start: address - lead,
    end: roundUp(address + memorySize),
    readable: (flags & 4) !== 0,
    writable: (flags & 2) !== 0,
    executable: (flags & 1) !== 0,
    content,
  }
}

export const roundUp = (size: number): number => Math.ceil(size / pageSize) * pageSize

/** Little-endian fields at any offset, and never past the end. */
class Fields {
  private readonly view: DataView
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    if (bytes.length < headerLength) throw invalid('expected an ELF header')
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  u16 = (at: number): number => this.view.getUint16(this.within(at, 2), true)
  u32 = (at: number): number => this.view.getUint32(this.within(at, 4), true)

  /** Everything here is an offset or a size, and those end far below 2^53. */
  u64(at: number): number {
    const value = this.view.getBigUint64(this.within(at, 8), true)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('expected smaller offsets')
    return Number(value)
  }

  slice(at: number, length: number): Uint8Array {
    return this.bytes.subarray(this.within(at, length), at + length)
  }

  private within(at: number, length: number): number {
    if (at + length > this.bytes.length) throw invalid(`expected ${length} bytes at offset ${at}`)
    return at
  }
}

const invalid = (text: string): VortaError => new VortaError('LIBPAL_INVALID', `libpal: ${text}`)

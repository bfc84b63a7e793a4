// MRENCLAVE as the CPU computes it while an enclave is built (Intel SDM, volume
// 3D, 37.1.2): SHA-256 over one record for ECREATE, one for every page that EADD
// adds, and one with its 256 bytes for every chunk that EEXTEND measures.
// Hashed in large blocks, with a turn of the event loop between them.

import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { type Bytes, own, utf8 } from '@vorta/core'
import type { Area } from './layout.ts'
import { pageSize } from './versions.ts'

const recordLength = 64
const chunkLength = 256
const chunks = pageSize / chunkLength
const measuredPageLength = recordLength + chunks * (recordLength + chunkLength)

// Blocks of about half a megabyte: some milliseconds of hashing at the most.
const measuredPagesPerBlock = 100
const addedPagesPerBlock = 8192

const eadd = utf8('EADD\0\0\0\0')
const eextend = utf8('EEXTEND\0')

/** Hashes the pages of the areas in the order given; 32 bytes. */
export async function hashEnclave(
  enclaveSize: number,
  ssaFramePages: number,
  areas: readonly Area[],
): Promise<Bytes> {
  const hash = createHash('sha256')
  hash.update(ecreate(enclaveSize, ssaFramePages))
  for (const area of areas) {
    for (const block of area.measured ? measuredBlocks(area) : addedBlocks(area)) {
      hash.update(block)
      await turn()
    }
  }
  return own(hash.digest())
}

function ecreate(enclaveSize: number, ssaFramePages: number): Uint8Array {
  const record = new Uint8Array(recordLength)
  const view = new DataView(record.buffer)
  record.set(utf8('ECREATE\0'))
  view.setUint32(8, ssaFramePages, true)
  setOffset(view, 12, enclaveSize)
  return record
}

/** EADD records only. The next block is written over the one before. */
function* addedBlocks({ start, end, flags }: Area): Generator<Uint8Array> {
  const block = new Uint8Array(addedPagesPerBlock * recordLength)
  const view = new DataView(block.buffer)
  for (let at = 0; at < block.length; at += recordLength) {
    block.set(eadd, at)
    view.setUint32(at + 16, flags, true)
  }
  for (let page = start; page < end; ) {
    let at = 0
    for (; at < block.length && page < end; at += recordLength, page += pageSize) {
      setOffset(view, at + 8, page)
    }
    yield block.subarray(0, at)
  }
}

/** EADD and EEXTEND records with the content. The next block is written over the one before. */
function* measuredBlocks(area: Area): Generator<Uint8Array> {
  const block = new Uint8Array(measuredPagesPerBlock * measuredPageLength)
  const view = new DataView(block.buffer)
  for (let page = area.start; page < area.end; ) {
    let at = 0
    for (; at < block.length && page < area.end; at += measuredPageLength, page += pageSize) {
      measurePage(block, view, at, area, page)
    }
    yield block.subarray(0, at)
  }
}

function measurePage(block: Uint8Array, view: DataView, at: number, area: Area, page: number) {
  block.set(eadd, at)
  setOffset(view, at + 8, page)
  view.setUint32(at + 16, area.flags, true)
  let chunk = at + recordLength
  for (let from = page; from < page + pageSize; from += chunkLength) {
    block.set(eextend, chunk)
    setOffset(view, chunk + 8, from)
    const bytes = chunk + recordLength
    block.fill(0, bytes, bytes + chunkLength)
    if (area.content) {
      const inside = from - area.start
      block.set(area.content.subarray(inside, inside + chunkLength), bytes)
    }
    chunk = bytes + chunkLength
  }
}

/** A 64-bit number below 2^53, without the cost of a BigInt. */
function setOffset(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

// The two pages every thread of the enclave starts from: the TCS, which the CPU
// defines (Intel SDM, volume 3D, 34.8), and Gramine's thread-local page.

import type { Addresses } from './layout.ts'
import type { Manifest } from './manifest.ts'
import { type GramineConstants, pageSize } from './versions.ts'

const tcs = { ossa: 16, nssa: 28, oentry: 32, ogsbase: 56, fslimit: 64, gslimit: 68 } as const
const segmentLimit = 0xfff

const ssaOf = ({ ssaFrames, ssaFrameSize }: GramineConstants, { ssa }: Addresses, thread: number) =>
  ssa + thread * ssaFrames * ssaFrameSize

/** All TCS pages, one a thread. */
export function tcsPages(
  constants: GramineConstants,
  addresses: Addresses,
  threads: number,
  entry: number,
): Uint8Array {
  return eachThread(threads, (set, view, page) => {
    const thread = page / pageSize
    set(tcs.ossa, ssaOf(constants, addresses, thread))
    view.setUint32(page + tcs.nssa, constants.ssaFrames, true)
    set(tcs.oentry, addresses.image + entry)
    set(tcs.ogsbase, addresses.tls + page)
    view.setUint32(page + tcs.fslimit, segmentLimit, true)
    view.setUint32(page + tcs.gslimit, segmentLimit, true)
  })
}

/** All TLS pages, one a thread. */
export function tlsPages(
  constants: GramineConstants,
  addresses: Addresses,
  { maxThreads, enclaveSize }: Manifest,
  manifestSize: number,
): Uint8Array {
  const { tls } = constants
  return eachThread(maxThreads, (set, _, page) => {
    const thread = page / pageSize
    const ssa = ssaOf(constants, addresses, thread)
    const signalStack = addresses.signalStacks[thread]!
    set(tls.self, addresses.tls + page)
    set(tls.stackCanary, constants.stackCanary)
    set(tls.enclaveSize, enclaveSize)
    set(tls.tcs, addresses.tcs + page)
    set(tls.stackTop, addresses.stacks[thread]! + constants.stackSize)
    set(tls.signalStackStart, signalStack)
    set(tls.signalStackEnd, signalStack + constants.signalStackSize)
    set(tls.ssa, ssa)
    set(tls.gpr, ssa + constants.ssaFrameSize - constants.gprSize)
    set(tls.manifestSize, manifestSize)
    set(tls.heapStart, constants.heapStart)
    set(tls.heapEnd, addresses.image)
  })
}

type Fill = (set: (at: number, value: number) => void, view: DataView, page: number) => void

function eachThread(threads: number, fill: Fill): Uint8Array {
  const pages = new Uint8Array(threads * pageSize)
  const view = new DataView(pages.buffer)
  for (let page = 0; page < pages.length; page += pageSize) {
    fill((at, value) => view.setBigUint64(page + at, BigInt(value), true), view, page)
  }
  return pages
}

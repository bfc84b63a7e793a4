// Where everything in a Gramine enclave stands before it starts, in the order
// in which Gramine's loader adds it. Areas are packed downwards from the end of
// the enclave; the heap is what remains between them and its start.

import { VortaError } from '@vorta/core'
import { type Image, roundUp } from './elf.ts'
import type { Manifest } from './manifest.ts'
import { tcsPages, tlsPages } from './thread-pages.ts'
import { type GramineConstants, pageSize } from './versions.ts'

/** SECINFO flags of a page (Intel SDM, volume 3D, 34.12). */
export const pageFlags = { r: 1, w: 2, x: 4, tcs: 0x100, reg: 0x200 } as const

export type Area = {
  readonly name: 'manifest' | 'ssa' | 'tcs' | 'tls' | 'stack' | 'sig_stack' | 'image' | 'free'
  /** Offsets in the enclave, whole pages. */
  readonly start: number
  readonly end: number
  readonly flags: number
  /** What stands there from `start` on; zeros follow. */
  readonly content?: Uint8Array
  /** Whether the content is measured too, and not only that the page was added. */
  readonly measured: boolean
}

const { r, w, x, reg, tcs } = pageFlags

/** Where the parts begin that the threads' pages point to. */
export type Addresses = {
  readonly ssa: number
  readonly tcs: number
  readonly tls: number
  /** One a thread. */
  readonly stacks: readonly number[]
  readonly signalStacks: readonly number[]
  readonly image: number
}

/** The areas in the order of the measurement. Throws ENCLAVE_TOO_SMALL. */
export function layOut(
  constants: GramineConstants,
  manifest: Manifest,
  manifestBytes: Uint8Array,
  image: Image,
): readonly Area[] {
  const { maxThreads } = manifest
  let lowest = manifest.enclaveSize
  const allocate = (size: number): number => {
    lowest -= roundUp(size)
    if (lowest < constants.heapStart) {
      throw new VortaError(
        'ENCLAVE_TOO_SMALL',
        `enclave size: ${manifest.enclaveSize} bytes do not hold ${maxThreads} threads and the image`,
        { hints: ['raise sgx.enclave_size or lower sgx.max_threads'] },
      )
    }
    return lowest
  }
  const perThread = (size: number): number[] =>
    Array.from({ length: maxThreads }, () => allocate(size))

  // The terminating NUL of the manifest is measured with it.
  const manifestSize = manifestBytes.length + 1
  const start = allocate(manifestSize)
  const addresses: Addresses = {
    ssa: allocate(maxThreads * constants.ssaFrames * constants.ssaFrameSize),
    tcs: allocate(maxThreads * pageSize),
    tls: allocate(maxThreads * pageSize),
    stacks: perThread(constants.stackSize),
    signalStacks: perThread(constants.signalStackSize),
    image: allocate(image.size),
  }
  const area = (name: Area['name'], start: number, end: number, flags: number): Area => ({
    name,
    start,
    end,
    flags,
    measured: true,
  })
  const { ssa, tls, stacks, signalStacks } = addresses
  const tlsContent = tlsPages(constants, addresses, manifest, manifestSize)
  return [
    { ...area('manifest', start, manifest.enclaveSize, r | reg), content: manifestBytes },
    area('ssa', ssa, start, r | w | reg),
    {
      ...area('tcs', addresses.tcs, ssa, tcs),
      content: tcsPages(constants, addresses, maxThreads, image.entry),
    },
    { ...area('tls', tls, addresses.tcs, r | w | reg), content: tlsContent },
    ...stacks.map((at) => area('stack', at, at + constants.stackSize, r | w | reg)),
    ...signalStacks.map((at) => area('sig_stack', at, at + constants.signalStackSize, r | w | reg)),
    ...image.segments.map(
      (segment): Area => ({
        name: 'image',
        start: addresses.image + segment.start,
        end: addresses.image + segment.end,
        flags:
          reg |
          (segment.readable ? r : 0) |
          (segment.writable ? w : 0) |
          (segment.executable ? x : 0),
        content: segment.content,
        measured: true,
      }),
    ),
    // With EDMM the heap is added while the enclave runs, and so not measured at all.
    ...(manifest.edmm
      ? []
      : [
          {
            ...area('free', constants.heapStart, addresses.image, r | w | x | reg),
            measured: false,
          },
        ]),
  ]
}

// What the measurement takes from Gramine itself: sizes and the places in its
// C structures. They change with Gramine, so there is one entry a version that
// was compared with the genuine signer, and no other version is guessed at.

import { VortaError } from '@vorta/core'

export const pageSize = 4096

/** Sizes in bytes; `tls` are offsets of 64-bit fields in a thread's TLS page. */
export type GramineConstants = {
  readonly ssaFrameSize: number
  readonly ssaFrames: number
  readonly stackSize: number
  readonly signalStackSize: number
  readonly heapStart: number
  /** The GPR area at the end of an SSA frame (Intel SDM, volume 3D, 34.9). */
  readonly gprSize: number
  readonly stackCanary: number
  readonly maxThreads: number
  readonly tls: {
    readonly self: number
    readonly stackCanary: number
    readonly enclaveSize: number
    readonly tcs: number
    readonly stackTop: number
    readonly signalStackStart: number
    readonly signalStackEnd: number
    readonly ssa: number
    readonly gpr: number
    readonly manifestSize: number
    readonly heapStart: number
    readonly heapEnd: number
  }
}

const versions: Readonly<Record<string, GramineConstants>> = {
  '1.9': {
    ssaFrameSize: 4 * pageSize,
    ssaFrames: 2,
    stackSize: 64 * pageSize,
    signalStackSize: 16 * pageSize,
    heapStart: 0x10000,
    gprSize: 0xb8,
    stackCanary: 0xbad_badb_adbad,
    maxThreads: 1024,
    tls: {
      self: 0x00,
      stackCanary: 0x08,
      enclaveSize: 0x110,
      tcs: 0x118,
      stackTop: 0x120,
      signalStackStart: 0x130,
      signalStackEnd: 0x138,
      ssa: 0x148,
      gpr: 0x150,
      manifestSize: 0x1a0,
      heapStart: 0x1a8,
      heapEnd: 0x1b0,
    },
  },
}

/** Versions of Gramine whose enclaves can be measured. */
export const gramineVersions: readonly string[] = Object.keys(versions)

/** Throws GRAMINE_VERSION_UNKNOWN. */
export function constantsOf(version: string): GramineConstants {
  const found = Object.hasOwn(versions, version) ? versions[version] : undefined
  if (found) return found
  throw new VortaError(
    'GRAMINE_VERSION_UNKNOWN',
    `Gramine version: expected ${gramineVersions.join(' or ')}, got ${JSON.stringify(version.slice(0, 32))}`,
    {
      hints: ['the layout of an enclave changes with Gramine; `gramine-sgx --version` names yours'],
    },
  )
}

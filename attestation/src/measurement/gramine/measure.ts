// Measures a Gramine enclave before there is one: from the final manifest, the
// enclave image and the version of Gramine to the MRENCLAVE that a quote of it
// will carry. No SGX hardware and no Gramine is needed.

import { createHash } from 'node:crypto'
import { toHex, VortaError } from '@vorta/core'
import { readImage } from './elf.ts'
import { layOut } from './layout.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { hashEnclave } from './mrenclave.ts'
import { constantsOf, type GramineConstants, pageSize } from './versions.ts'
import { type ManifestWarning, warningsOf } from './warnings.ts'

// Without EDMM every page of the heap is a record: this is 4 GiB of hashing.
const maxStaticEnclave = 256 * 2 ** 30

export type GramineEnclave = {
  /** Bytes of the `.manifest.sgx` that gramine-sgx-sign wrote. */
  readonly manifest: Uint8Array
  /** Bytes of Gramine's `sgx/libpal.so`. */
  readonly libpal: Uint8Array
  /** Such as "1.9". */
  readonly gramine: string
  /** SHA-256, in hex, that libpal must have. */
  readonly libpalSha256?: string
}

export type GramineMeasurement = {
  /** 64 hex digits. */
  readonly mrenclave: string
  readonly gramine: string
  readonly manifest: Manifest
  readonly manifestSha256: string
  readonly libpalSha256: string
  readonly warnings: readonly ManifestWarning[]
}

/**
 * Throws GRAMINE_VERSION_UNKNOWN, MANIFEST_INVALID, LIBPAL_INVALID, LIBPAL_MISMATCH,
 * ENCLAVE_TOO_SMALL or ENCLAVE_TOO_LARGE.
 */
export async function measureGramine(enclave: GramineEnclave): Promise<GramineMeasurement> {
  const constants = constantsOf(enclave.gramine)
  const libpalSha256 = pinnedDigest(enclave)
  const manifest = readManifest(enclave.manifest)
  checkSize(constants, manifest)
  const image = readImage(enclave.libpal)
  const areas = layOut(constants, manifest, enclave.manifest, image)
  const ssaFramePages = constants.ssaFrameSize / pageSize
  return {
    mrenclave: toHex(await hashEnclave(manifest.enclaveSize, ssaFramePages, areas)),
    gramine: enclave.gramine,
    manifest,
    manifestSha256: sha256(enclave.manifest),
    libpalSha256,
    warnings: warningsOf(manifest),
  }
}

function pinnedDigest({ libpal, libpalSha256 }: GramineEnclave): string {
  const digest = sha256(libpal)
  if (libpalSha256 !== undefined && libpalSha256 !== digest) {
    throw new VortaError(
      'LIBPAL_MISMATCH',
      `libpal: expected the file with SHA-256 ${libpalSha256}, got ${digest}`,
      { hints: ['every build of Gramine has an image of its own'] },
    )
  }
  return digest
}

function checkSize(constants: GramineConstants, { enclaveSize, maxThreads, edmm }: Manifest): void {
  if (maxThreads > constants.maxThreads) {
    throw new VortaError(
      'MANIFEST_INVALID',
      `manifest: sgx.max_threads: expected at most ${constants.maxThreads}, got ${maxThreads}`,
    )
  }
  if (!edmm && enclaveSize > maxStaticEnclave) {
    throw new VortaError(
      'ENCLAVE_TOO_LARGE',
      `enclave size: expected at most ${maxStaticEnclave} bytes without EDMM, got ${enclaveSize}`,
      { hints: ['set sgx.edmm_enable = true: the heap is then added at run time'] },
    )
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

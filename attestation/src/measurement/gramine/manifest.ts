// Reads what the measurement and the SIGSTRUCT take from a final manifest, the
// `.manifest.sgx` that gramine-sgx-sign writes. Its exact bytes are measured;
// everything else in it is between the manifest and Gramine.

import { fromUtf8, VortaError } from '@vorta/core'
import {
  array,
  boolean,
  type Decoded,
  decode,
  integer,
  object,
  oneOf,
  openObject,
  refine,
  sha256Hex,
  string,
  withDefault,
} from '@vorta/core/decode'
import { parse } from 'smol-toml'

// Room for the 30,000 files of a large container image. Hostile TOML of this size takes the
// parser some two seconds: manifests are for the command line, no server reads them.
const maxManifestBytes = 4 * 2 ** 20
const maxTrustedFiles = 50_000
const maxUri = 4096
// Gramine's own keys are four levels deep.
const maxDepth = 32
// The whole address space of a process; the CPU refuses less than that already.
const maxEnclaveSize = 2 ** 46

export type Manifest = {
  readonly enclaveSize: number
  readonly maxThreads: number
  readonly edmm: boolean
  readonly debug: boolean
  readonly isvProdId: number
  readonly isvSvn: number
  readonly remoteAttestation: 'none' | 'dcap'
  readonly useExinfo: boolean
  readonly cpuFeatures: CpuFeatures
  /** The parsed document, for what only warns. */
  readonly document: Readonly<Record<string, unknown>>
}

const feature = withDefault(oneOf('unspecified', 'disabled', 'required'), 'unspecified')
const hardening = withDefault(oneOf('disabled', 'required'), 'disabled')

const cpuFeatures = object({
  avx: feature,
  avx512: feature,
  amx: feature,
  mpx: hardening,
  pkru: hardening,
})

/** What `sgx.cpu_features` asks for; "unspecified" leaves it to the machine. */
export type CpuFeatures = Decoded<typeof cpuFeatures>

const units = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const

/** Gramine's spelling of sizes: "256M", "1024G", "0x10000000". */
function size(value: unknown): number {
  const text = string({ max: 24, what: 'a size such as "256M"' })(value)
  const found = /^(0x[0-9a-fA-F]{1,12}|[0-9]{1,15})([KMG]?)$/.exec(text)
  if (!found) return Number.NaN
  return Number(found[1]) * units[found[2] as keyof typeof units]
}

const enclaveSize = refine(
  size,
  // ECREATE takes powers of two only; gramine-sgx refuses the others.
  (bytes) => bytes >= 2 ** 16 && bytes <= maxEnclaveSize && Number.isInteger(Math.log2(bytes)),
  'a power of two such as "256M", from 64K to 65536G',
)

const trustedFile = openObject({ uri: string({ min: 1, max: maxUri }), sha256: sha256Hex })

const manifest = openObject({
  sgx: openObject({
    enclave_size: enclaveSize,
    max_threads: integer(1, 65535),
    edmm_enable: withDefault(boolean, false),
    debug: withDefault(boolean, false),
    isvprodid: withDefault(integer(0, 65535), 0),
    isvsvn: withDefault(integer(0, 65535), 0),
    remote_attestation: withDefault(oneOf('none', 'dcap'), 'none'),
    use_exinfo: withDefault(boolean, false),
    cpu_features: withDefault(cpuFeatures, cpuFeatures({})),
    trusted_files: withDefault(array(trustedFile, maxTrustedFiles), []),
  }),
})

/** Throws MANIFEST_INVALID. */
export function readManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > maxManifestBytes) {
    throw invalid(`expected at most ${maxManifestBytes} bytes, got ${bytes.length}`)
  }
  const text = fromUtf8(bytes)
  if (text === undefined) throw invalid('expected UTF-8')
  const document = parseToml(text)
  checkDepth(document, maxDepth)
  const { sgx } = decode(manifest, document, (text) =>
    invalid(text, ['measure the .manifest.sgx that gramine-sgx-sign wrote, not its template']),
  )
  return {
    enclaveSize: sgx.enclave_size,
    maxThreads: sgx.max_threads,
    edmm: sgx.edmm_enable,
    debug: sgx.debug,
    isvProdId: sgx.isvprodid,
    isvSvn: sgx.isvsvn,
    remoteAttestation: sgx.remote_attestation,
    useExinfo: sgx.use_exinfo,
    cpuFeatures: sgx.cpu_features,
    document,
  }
}

function parseToml(text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { maxDepth })
  } catch (cause) {
    const line = cause instanceof Error ? cause.message.split('\n')[0] : ''
    throw invalid(`not TOML: ${line}`, [], cause)
  }
}

/** The parser bounds brackets only; a key such as `a.a.a` nests as well. */
function checkDepth(value: unknown, left: number): void {
  if (typeof value !== 'object' || value === null) return
  if (left === 0) throw invalid(`expected at most ${maxDepth} levels`)
  for (const member of Object.values(value)) checkDepth(member, left - 1)
}

const invalid = (text: string, hints: readonly string[] = [], cause?: unknown): VortaError =>
  new VortaError('MANIFEST_INVALID', `manifest: ${text}`, { hints, cause })

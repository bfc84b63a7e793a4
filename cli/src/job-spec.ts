// The job spec file: JSON or YAML, a closed shape. What it names by path is
// uploaded; what it names by digest is on the server already.

import { dirname, resolve } from 'node:path'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { canonicalSpec, type JobSpec, JobSpecSchema } from '@vorta/api'
import { digestPattern, fail, fromUtf8, idPattern, parseJson, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  array,
  byteSize,
  type Decoded,
  decode,
  duration,
  integer,
  object,
  oneOf,
  optional,
  string,
} from '@vorta/core/decode'
import { parseDocument } from 'yaml'
import type { ContentKey } from './content-keys.ts'
import { bytesSource, fileSource, readInput, type Source } from './input.ts'
import type { Io } from './io.ts'
import { createSealing } from './sealing.ts'

// Digests stand for all data: a longer spec is a mistake.
const maxSpecBytes = 65_536

const pathOrDigest = string({ min: 1, max: 4096 })
const word = string({ min: 1, max: 32 })

const specDecoder = object({
  /** A label for people. */
  name: optional(string({ max: 256 })),
  proof: object({
    system: word,
    curve: word,
    encoding: word,
    verificationKey: optional(pathOrDigest),
    publicInputs: optional(pathOrDigest),
    proof: optional(pathOrDigest),
  }),
  resources: optional(object({ memory: optional(byteSize), epc: optional(byteSize) })),
  placement: optional(
    object({
      tees: optional(array(oneOf('sgx', 'tdx', 'simulated'), 3)),
      workers: optional(array(string({ pattern: idPattern, what: 'a worker id' }), 100)),
    }),
  ),
  timeout: optional(duration),
  retry: optional(object({ maxAttempts: optional(integer(1, 20)) })),
  // Not from 0: in the message 0 is "unset" and stands for the default, 50.
  priority: optional(integer(1, 100)),
})
type SpecFile = Decoded<typeof specDecoder>

/** Files given on the command line, which go before those of the spec. */
export type Overrides = {
  readonly proof?: string
  readonly vk?: string
  readonly public?: string
  /** Which of the three are to be sealed. */
  readonly seal?: readonly string[]
}

export type PreparedSpec = {
  readonly label: string
  readonly spec: JobSpec
  /** What the spec refers to and the server may not have yet. */
  readonly sources: readonly Source[]
  /** Present where inputs were sealed. */
  readonly contentKey?: Omit<ContentKey, 'releases'>
}

type InputOption = 'vk' | 'public' | 'proof'

/** Reads a spec and hashes what it names. Throws INVALID_JOB_SPEC or FILE_UNREADABLE. */
export async function prepareSpec(
  io: Io,
  path: string,
  overrides: Overrides,
): Promise<PreparedSpec> {
  const file = await readSpec(io, path)
  const folder = path === '-' ? io.cwd : dirname(resolve(io.cwd, path))
  const sources: Source[] = []
  const sealing = overrides.seal && createSealing(io, overrides.seal)
  const digest = async (
    field: 'verificationKey' | 'publicInputs' | 'proof',
    option: InputOption,
  ): Promise<string> => {
    const named = file.proof[field]
    const given = overrides[option] ?? (named === undefined ? undefined : resolved(folder, named))
    if (given === undefined) {
      throw fail('INVALID_JOB_SPEC', `${path}: proof.${field} is missing`, {
        hints: [`name it in the spec, or give --${option} FILE`],
      })
    }
    const seal = sealing?.options.has(option) ? sealing.seal : undefined
    if (digestPattern.test(given)) {
      if (!seal) return given
      throw fail('USAGE', `--seal ${option}: the spec names it by digest: there is no file to seal`)
    }
    const source = seal
      ? bytesSource(await seal(field, given), `sealed ${field}`)
      : await fileSource(io, given, field)
    sources.push(source)
    return source.digest
  }
  const { system, curve, encoding } = file.proof
  const proof = {
    system,
    curve,
    encoding,
    verificationKey: await digest('verificationKey', 'vk'),
    publicInputs: await digest('publicInputs', 'public'),
    proof: await digest('proof', 'proof'),
  }
  const spec = create(JobSpecSchema, {
    work: { case: 'proof', value: proof },
    ...rest(file),
    ...(sealing && { sealed: sealing.inSpec() }),
  })
  const prepared = { label: file.name ?? '', spec, sources }
  if (!sealing) return prepared
  const sha256 = toHex(nodeCrypto.sha256(canonicalSpec(spec)))
  return { ...prepared, contentKey: { ...sealing.key, spec: sha256 } }
}

const resolved = (folder: string, named: string): string =>
  digestPattern.test(named) ? named : resolve(folder, named)

function rest({ resources, placement, timeout, retry, priority }: SpecFile) {
  const init: MessageInitShape<typeof JobSpecSchema> = {}
  if (resources) {
    const { memory = 0, epc = 0 } = resources
    init.resources = { memoryBytes: BigInt(memory), epcBytes: BigInt(epc) }
  }
  if (placement) {
    init.placement = { tees: [...(placement.tees ?? [])], workers: [...(placement.workers ?? [])] }
  }
  if (timeout !== undefined) init.timeout = durationFromMs(timeout)
  if (retry?.maxAttempts !== undefined) init.retry = { maxAttempts: retry.maxAttempts }
  if (priority !== undefined) init.priority = priority
  return init
}

async function readSpec(io: Io, path: string): Promise<SpecFile> {
  const bytes = await readInput(io, path, maxSpecBytes)
  return decode(specDecoder, parseSpec(path, bytes), (text, hints) =>
    fail('INVALID_JOB_SPEC', `${path}: ${text}`, {
      hints: [...hints, 'see `vorta-cli help job-spec`'],
    }),
  )
}

/** JSON if it begins like JSON, else YAML 1.2. */
function parseSpec(path: string, bytes: Uint8Array): unknown {
  const text = fromUtf8(bytes)
  if (text === undefined) throw fail('INVALID_JOB_SPEC', `${path}: is not UTF-8 text`)
  if (/^\s*\{/.test(text)) return parseJson(text, { maxBytes: maxSpecBytes })
  const document = parseDocument(text, { uniqueKeys: true })
  const fault = document.errors[0]
  if (fault) throw fail('INVALID_JOB_SPEC', `${path}: ${fault.message.split('\n')[0]}`)
  return document.toJS({ maxAliasCount: 0 })
}

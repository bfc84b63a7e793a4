// From the spec a requester wrote to what the mainframe works with: every field
// checked with its own message, defaults applied on reading, never written back,
// so that the digest of the spec is the digest of what was sent.

import { fromJson, type Message } from '@bufbuild/protobuf'
import { durationMs } from '@bufbuild/protobuf/wkt'
import {
  canonicalSpec,
  type JobSpec,
  JobSpecSchema,
  type ProofSpec,
  type SealedInputs,
} from '@vorta/api'
import { type Bytes, digestPattern, fail, fromUtf8, idPattern } from '@vorta/core'
import type { Requirements } from '../scheduler/plugin.ts'

export const specDefaults = { timeoutMs: 600_000, maxAttempts: 3, priority: 50 } as const

const longestTimeoutMs = 24 * 3_600_000
const inputNames = ['verificationKey', 'publicInputs', 'proof'] as const
const teeKinds = ['sgx', 'tdx', 'simulated']
const token = /^[a-z0-9][a-z0-9-]{0,31}$/

// Larger specs than this are a mistake: digests stand for all data.
const maxSpecBytes = 16_384

function refuse(field: string, expected: string, got: unknown): never {
  throw fail(
    'INVALID_JOB_SPEC',
    `spec.${field}: expected ${expected}, got ${JSON.stringify(got).slice(0, 80)}`,
    {
      meta: { field: `spec.${field}` },
      hints: ['see `vorta-cli help job-spec`'],
    },
  )
}

function check(ok: boolean, field: string, expected: string, got: unknown): void {
  if (!ok) refuse(field, expected, typeof got === 'bigint' ? String(got) : got)
}

export type ValidSpec = {
  readonly canonical: Bytes
  readonly proof: ProofSpec
  readonly sealed?: SealedInputs
  readonly requirements: Requirements
  readonly timeoutMs: number
  readonly maxAttempts: number
  readonly priority: number
}

/** Throws INVALID_JOB_SPEC with the field in its facts. */
export function validateSpec(spec: JobSpec | undefined): ValidSpec {
  if (!spec)
    throw fail('INVALID_JOB_SPEC', 'spec: expected a job spec, got nothing', {
      meta: { field: 'spec' },
    })
  refuseUnknown(spec, 'spec')
  for (const part of ['resources', 'placement', 'retry', 'timeout', 'sealed'] as const)
    refuseUnknown(spec[part], `spec.${part}`)
  if (spec.work.case !== 'proof') refuse('proof', 'a proof to verify', spec.work.case ?? null)
  const proof = spec.work.value
  refuseUnknown(proof, 'spec.proof')
  check(token.test(proof.system), 'proof.system', 'a proof system such as "groth16"', proof.system)
  check(token.test(proof.curve), 'proof.curve', 'a curve such as "bn254"', proof.curve)
  check(
    token.test(proof.encoding),
    'proof.encoding',
    'an encoding such as "snarkjs"',
    proof.encoding,
  )
  for (const field of inputNames) {
    check(
      digestPattern.test(proof[field]),
      `proof.${field}`,
      'sha256:<64 lower-case hex digits>',
      proof[field],
    )
  }
  const { sealed } = spec
  if (sealed) checkSealed(sealed)
  const { memoryBytes = 0n, epcBytes = 0n } = spec.resources ?? {}
  const anAmount = 'bytes from 0 to 1 TiB'
  check(
    memoryBytes >= 0n && memoryBytes <= 2n ** 40n,
    'resources.memoryBytes',
    anAmount,
    memoryBytes,
  )
  check(epcBytes >= 0n && epcBytes <= 2n ** 40n, 'resources.epcBytes', anAmount, epcBytes)
  const { tees = [], workers = [] } = spec.placement ?? {}
  for (const tee of tees) check(teeKinds.includes(tee), 'placement.tees', teeKinds.join(', '), tee)
  check(workers.length <= 100, 'placement.workers', 'at most 100 workers', workers.length)
  for (const worker of workers)
    check(idPattern.test(worker), 'placement.workers', 'worker ids', worker)
  const { timeout } = spec
  const timeoutMs = timeout ? durationMs(timeout) : specDefaults.timeoutMs
  // Durations with other nanoseconds have no JSON form, and so no digest.
  if (timeout)
    check(
      timeout.nanos >= 0 && timeout.nanos < 1e9,
      'timeout.nanos',
      '0 to 999999999',
      timeout.nanos,
    )
  check(
    timeoutMs >= 100 && timeoutMs <= longestTimeoutMs,
    'timeout',
    '0.1 s to 24 h',
    timeoutMs / 1000,
  )
  const maxAttempts = spec.retry?.maxAttempts || specDefaults.maxAttempts
  check(maxAttempts >= 1 && maxAttempts <= 20, 'retry.maxAttempts', '1 to 20', maxAttempts)
  const priority = spec.priority || specDefaults.priority
  check(priority >= 0 && priority <= 100, 'priority', '0 to 100', priority)

  const canonical = canonicalSpec(spec)
  check(
    canonical.length <= maxSpecBytes,
    'proof',
    `at most ${maxSpecBytes} bytes of spec`,
    canonical.length,
  )
  const requirements: Requirements = {
    tees,
    workers,
    system: proof.system,
    curve: proof.curve,
    memory: Number(memoryBytes),
    epc: Number(epcBytes),
    artifacts: [...new Set([proof.verificationKey, proof.publicInputs, proof.proof])],
  }
  return {
    canonical,
    proof,
    ...(sealed && { sealed }),
    requirements,
    timeoutMs,
    maxAttempts,
    priority,
  }
}

function checkSealed({ inputs, keyCommitment }: SealedInputs): void {
  const known: readonly string[] = inputNames
  const once = inputs.length > 0 && new Set(inputs).size === inputs.length
  const expected = `some of ${known.join(', ')}, each once`
  check(once && inputs.every((name) => known.includes(name)), 'sealed.inputs', expected, inputs)
  check(
    /^[0-9a-f]{64}$/.test(keyCommitment),
    'sealed.keyCommitment',
    '64 lower-case hex digits',
    keyCommitment,
  )
}

/** JSON refuses unknown fields while parsing; the binary form keeps them aside, and they are refused here. */
function refuseUnknown(message: Message | undefined, field: string): void {
  if (message?.$unknown?.length) {
    const numbers = message.$unknown.map((unknown) => unknown.no).join(', ')
    throw fail('INVALID_JOB_SPEC', `${field}: unknown field number ${numbers}`, { meta: { field } })
  }
}

/** A stored spec back as a message. */
export const specMessage = (canonical: Uint8Array): JobSpec =>
  fromJson(JobSpecSchema, JSON.parse(fromUtf8(canonical) ?? ''))

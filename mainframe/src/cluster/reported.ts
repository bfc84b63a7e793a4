// What a worker says of itself, cut to size before it is kept. Its host is
// trusted for nothing: numbers may be wild and texts long. A lie within these
// bounds costs it, or wins it, work; it never decides what is accepted.

import { create } from '@bufbuild/protobuf'
import {
  type TeeCapabilities,
  TeeCapabilitiesSchema,
  type WorkerUsage,
  WorkerUsageSchema,
} from '@vorta/api'
import { digestPattern } from '@vorta/core'
import type { JobError } from '../jobs/transitions.ts'

const longestName = 64
const longestMessage = 500
const mostProofSystems = 32

// What one worker may have promised at once, whatever it claims.
const mostSlots = 4096

const codePattern = /^[A-Z][A-Z0-9_]{0,63}$/

/** For logs and terminals: no control or format characters, at most `longest` long. */
export const cutText = (text: string, longest: number): string =>
  text.slice(0, longest).replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, ' ')

const amount = (value: bigint): bigint => (value > 0n ? value : 0n)
const name = (text: string): string => cutText(text, longestName)

export const readVersion = name

export function readCapabilities(tee: TeeCapabilities | undefined): TeeCapabilities | undefined {
  if (!tee) return undefined
  return create(TeeCapabilitiesSchema, {
    kind: name(tee.kind),
    quotes: tee.quotes,
    epcBytes: amount(tee.epcBytes),
    measurement: name(tee.measurement),
    proofs: tee.proofs.slice(0, mostProofSystems).map((proof) => ({
      system: name(proof.system),
      curves: proof.curves.slice(0, mostProofSystems).map(name),
      engine: name(proof.engine),
      proofsPerSecond: Number.isFinite(proof.proofsPerSecond) ? proof.proofsPerSecond : 0,
    })),
  })
}

export function readUsage(usage: WorkerUsage | undefined): WorkerUsage | undefined {
  if (!usage) return undefined
  return create(WorkerUsageSchema, {
    memoryBytes: amount(usage.memoryBytes),
    memoryFreeBytes: amount(usage.memoryFreeBytes),
    epcFreeBytes: amount(usage.epcFreeBytes),
    // Who cannot say how busy it is counts as busy.
    cpu: usage.cpu >= 0 && usage.cpu <= 1 ? usage.cpu : 1,
    running: Math.max(0, usage.running),
    slots: Math.min(mostSlots, Math.max(0, usage.slots)),
    cacheBytes: amount(usage.cacheBytes),
  })
}

export const readDigests = (digests: readonly string[]): readonly string[] =>
  digests.filter((digest) => digestPattern.test(digest))

/** The reason a worker gives for an attempt without a result. */
export function readFailure(said: {
  readonly code: string
  readonly message: string
  readonly hint: string
}): JobError {
  const hint = cutText(said.hint, longestMessage)
  return {
    code: codePattern.test(said.code) ? said.code : 'ENCLAVE_FAILED',
    message: cutText(said.message, longestMessage),
    ...(hint ? { hint } : {}),
  }
}

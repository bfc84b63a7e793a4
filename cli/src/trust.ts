// What the offline verbs share: which roots to trust, the moment to judge by,
// and which enclave is ours.

import { existsSync } from 'node:fs'
import {
  anchorFromPem,
  intelAnchor,
  policyDecoder,
  simulatedAnchor,
  type TrustAnchor,
} from '@vorta/attestation'
import { fail, fromRfc3339, fromUtf8 } from '@vorta/core'
import { parseConfig } from '@vorta/core/config'
import type { Decoder } from '@vorta/core/decode'
import { type ReceiptPolicy, receiptPolicyDecoder } from '@vorta/receipt'
import type { Options } from './command.ts'
import { readInput } from './input.ts'
import { installed } from './installation.ts'
import type { Io } from './io.ts'

export const trustOptions = {
  at: {
    type: 'string',
    value: 'TIME',
    summary: 'moment to judge by: Unix seconds or 2026-01-31T12:00:00Z (default now)',
  },
  root: {
    type: 'string',
    value: 'PEM',
    summary: 'also trust this root; what rests on it counts as simulated',
  },
  'allow-simulated': {
    type: 'boolean',
    summary: 'accept SIMULATED evidence, which proves nothing about hardware',
  },
} as const satisfies Options

/** Milliseconds. Throws USAGE. */
export function momentOf(io: Io, text: string | undefined): number {
  if (text === undefined) return io.now()
  const ms = /^[0-9]{1,11}$/.test(text) ? Number(text) * 1000 : fromRfc3339(text)
  if (ms !== undefined) return ms
  throw fail('USAGE', `--at: expected Unix seconds or a time such as 2026-01-31T12:00:00Z`)
}

/**
 * Intel's root and the public simulated one, so that simulated evidence is told apart
 * from forged evidence: accepting it is for the policy to say. A further root is of the
 * simulated kind unless it is Intel's own: no other key proves Intel's hardware.
 */
export async function anchorsOf(io: Io, root: string | undefined): Promise<readonly TrustAnchor[]> {
  if (root === undefined) return knownAnchors
  return withRoot(fromUtf8(await readInput(io, root)) ?? '', `${root} (given by --root)`)
}

const knownAnchors: readonly TrustAnchor[] = [intelAnchor, simulatedAnchor]

/** These roots and one more. Throws ANCHOR_INVALID, CHAIN_FORMAT, DER or CERT_FORMAT. */
export const withRoot = (
  pem: string,
  name: string,
  anchors: readonly TrustAnchor[] = knownAnchors,
): readonly TrustAnchor[] =>
  isIntelRoot(pem) ? anchors : [...anchors, anchorFromPem('simulated', name, pem)]

function isIntelRoot(pem: string): boolean {
  try {
    anchorFromPem('intel', intelAnchor.name, pem)
    return true
  } catch {
    return false // another root, or none: the caller finds out which
  }
}

/** Measurement, in hex, of a program of this installation; undefined where there is none. */
export async function ownMeasurement(
  program: 'enclave/src/main.ts' | 'mainframe/src/main.ts' = 'enclave/src/main.ts',
): Promise<string | undefined> {
  const entry = installed(program)
  if (!existsSync(entry)) return undefined
  const { measureProgram } = await import('@vorta/attestation/measurement/files')
  return Buffer.from(measureProgram(entry).measurement).toString('hex')
}

/** The policy where none is given: hardware, default statuses, and these enclaves only. */
export function defaultPolicy(simulated: boolean, measurements: readonly string[]) {
  return policyDecoder({ simulated, measurements: { mrenclave: measurements } })
}

/** A whole policy, or the part of it about enclaves alone, as a mainframe's policy file is. */
export const eitherPolicy: Decoder<ReceiptPolicy> = (value) =>
  typeof value === 'object' && value !== null && 'attestation' in value
    ? receiptPolicyDecoder(value)
    : { attestation: policyDecoder(value) }

/** Throws FILE_UNREADABLE or CONFIG_INVALID. */
export async function readPolicy(
  io: Io,
  path: string,
  allowSimulated: true | undefined,
): Promise<ReceiptPolicy> {
  const text = fromUtf8(await readInput(io, path)) ?? ''
  const policy = parseConfig(text, path, eitherPolicy)
  return allowSimulated
    ? { ...policy, attestation: { ...policy.attestation, simulated: true } }
    : policy
}

// Policies from files. The enclave of this checkout may be added to what they
// accept, so that a cluster works with the enclave it comes with.

import { resolve } from 'node:path'
import { type AttestationPolicy, policyDecoder } from '@vorta/attestation'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { toHex } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'

/** MRENCLAVE of a program of this checkout as a SIMULATED enclave, hex. Throws MEASUREMENT_FAILED. */
export const measurementOfProgram = (enclave: string): string =>
  toHex(measureProgram(resolve(enclave)).measurement)

/** The policy with one more MRENCLAVE. */
export function withMeasurement(policy: AttestationPolicy, measurement: string): AttestationPolicy {
  const { mrenclave } = policy.measurements
  return {
    ...policy,
    measurements: { ...policy.measurements, mrenclave: [...new Set([...mrenclave, measurement])] },
  }
}

/** Reads a policy, with one more MRENCLAVE where given. Throws CONFIG_INVALID. */
export function loadPolicy(file: string, measurement?: string): AttestationPolicy {
  const policy = loadConfig(file, policyDecoder)
  return measurement === undefined ? policy : withMeasurement(policy, measurement)
}

export const loadPolicies = (
  files: Readonly<Record<string, string>>,
  measurement?: string,
): Readonly<Record<string, AttestationPolicy>> =>
  Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, loadPolicy(file, measurement)]),
  )

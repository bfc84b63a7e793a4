// The secrets that enclaves get, by their measurement, and how often each may
// still be given out. Somebody who got hold of one attestation key cannot empty
// the store by it unnoticed: the limit is there to be noticed.

import { readFileSync, statSync } from 'node:fs'
import { type Clock, fail } from '@vorta/core'
import type { ProvisioningConfig } from './config.ts'

export type Secrets = {
  /** Counts the release. Throws SECRET_UNKNOWN or SECRET_LIMIT. */
  readonly take: (measurement: string) => Uint8Array
}

const hour = 3_600_000
// A key has 16 bytes; whole configuration files are given out as well.
const maxSecretBytes = 64 * 1024

type Kept = { readonly value: Uint8Array; readonly perHour: number; released: readonly number[] }

/** Throws CONFIG_INVALID for a file that is missing, empty or too large, or that others may read. */
export function loadSecrets(config: ProvisioningConfig['secrets'], clock: Clock): Secrets {
  const kept = new Map<string, Kept>()
  for (const { measurement, file, releasesPerHour } of config) {
    kept.set(measurement, { value: readSecret(file), perHour: releasesPerHour, released: [] })
  }
  return {
    take: (measurement) => {
      const secret = kept.get(measurement)
      if (!secret) throw fail('SECRET_UNKNOWN', `no secret is kept for enclave ${measurement}`)
      const now = clock.now()
      const recent = secret.released.filter((time) => time > now - hour)
      if (recent.length >= secret.perHour) {
        throw fail('SECRET_LIMIT', `enclave ${measurement} had its ${secret.perHour} releases`)
      }
      secret.released = [...recent, now]
      return secret.value
    },
  }
}

function readSecret(file: string): Uint8Array {
  const unusable = (why: string, cause?: unknown) =>
    fail('CONFIG_INVALID', `secretProvisioning.secrets: ${file}: ${why}`, { cause })
  let mode: number
  let value: Uint8Array
  try {
    mode = statSync(file).mode
    value = readFileSync(file)
  } catch (cause) {
    throw unusable('cannot be read', cause)
  }
  if ((mode & 0o077) !== 0) throw unusable('expected mode 0600, got one that lets others in')
  if (value.length === 0 || value.length > maxSecretBytes) {
    throw unusable(`expected 1 to ${maxSecretBytes} bytes, got ${value.length}`)
  }
  return value
}

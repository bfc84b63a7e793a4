// What the configuration means: where to listen, how to speak TLS, which
// enclaves to accept. Reads the files that the configuration names.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type AttestationPolicy, policyDecoder } from '@vorta/attestation'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { fail, toHex } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'
import type { MainframeConfig } from './config.ts'

/** Throws CONFIG_INVALID for an address that others can reach and that is not protected. */
export function splitAddress(
  config: Pick<MainframeConfig, 'listen' | 'tls' | 'insecure'>,
): [host: string, port: number] {
  const at = config.listen.lastIndexOf(':')
  const host = config.listen.slice(0, at)
  const loopback = host === 'localhost' || host === '[::1]' || host.startsWith('127.')
  if (!loopback && !config.tls && !config.insecure) {
    throw fail(
      'CONFIG_INVALID',
      `listen: ${config.listen} is reachable from outside, and no TLS is configured`,
      {
        hints: [
          'set tls.certFile and tls.keyFile',
          'or set insecure: true behind a proxy that terminates TLS',
        ],
      },
    )
  }
  return [host.replace(/^\[|\]$/g, ''), Number(config.listen.slice(at + 1))]
}

/** Certificate and key, or undefined for clear text. Throws CONFIG_INVALID. */
export function loadTls({ tls }: Pick<MainframeConfig, 'tls'>) {
  return tls && { cert: read('tls.certFile', tls.certFile), key: read('tls.keyFile', tls.keyFile) }
}

function read(field: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw fail('CONFIG_INVALID', `${field}: ${path} cannot be read`, { cause })
  }
}

/** The policy file, with the measurement of the enclave that belongs to this very version. */
export function loadPolicy({
  attestation,
}: Pick<MainframeConfig, 'attestation'>): AttestationPolicy {
  const policy = loadConfig(attestation.policyFile, policyDecoder)
  const own = toHex(measureProgram(resolve(attestation.enclave)).measurement)
  const { mrenclave, mrsigner } = policy.measurements
  return { ...policy, measurements: { mrsigner, mrenclave: [...new Set([...mrenclave, own])] } }
}

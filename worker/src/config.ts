// The worker's configuration file. Every field but the mainframe's address has
// a default; paths are relative to the folder the worker is started in.

import { readFileSync } from 'node:fs'
import { fail } from '@vorta/core'
import {
  byteSize,
  type Decoded,
  type Decoder,
  duration,
  integer,
  object,
  oneOf,
  optional,
  refine,
  section,
  string,
  withDefault,
} from '@vorta/core/decode'
import type { LogLevel } from '@vorta/core/log'

const path = string({ min: 1, max: 4096 })
const logLevel: Decoder<LogLevel> = oneOf('debug', 'info', 'warn', 'error', 'silent')

const endpoint = refine(
  string({ max: 2048 }),
  (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
  'an address such as "http://127.0.0.1:7070"',
)

export const workerConfigDecoder = object({
  mainframe: object({
    endpoint,
    joinTokenFile: withDefault(path, 'data/mainframe/join.token'),
    caFile: optional(path),
    policyFile: optional(path),
  }),
  dataFolder: withDefault(path, 'data/workers'),
  enclave: section(
    object({
      tee: withDefault(oneOf('simulated', 'gramine', 'dstack'), 'simulated'),
      manifest: withDefault(path, 'gramine-manifests/enclave'),
      endpoint: optional(path),
      epc: withDefault(byteSize, 256 * 2 ** 20),
    }),
  ),
  slots: withDefault(integer(1, 4096), 64),
  cache: section(object({ size: withDefault(byteSize, 2 ** 30) })),
  drainTimeout: withDefault(duration, 10_000),
  log: section(object({ level: withDefault(logLevel, 'info') })),
})

export type WorkerConfig = Decoded<typeof workerConfigDecoder>

type Environment = Readonly<Record<string, string | undefined>>

/** VORTA_MAINFRAME_ENDPOINT goes before the file. Throws CONFIG_INVALID. */
export function withEnvironment(config: WorkerConfig, env: Environment): WorkerConfig {
  const override = env.VORTA_MAINFRAME_ENDPOINT
  if (!override) return config
  if (!/^https?:$/.test(URL.parse(override)?.protocol ?? '')) {
    throw fail('CONFIG_INVALID', `VORTA_MAINFRAME_ENDPOINT: expected a URL, got "${override}"`)
  }
  return { ...config, mainframe: { ...config.mainframe, endpoint: override } }
}

/**
 * The join token, read anew for every attempt to join: a mainframe on the same
 * machine may write it after the worker started. VORTA_JOIN_TOKEN_FILE goes
 * before the file. Throws UNAVAILABLE.
 */
export function readJoinToken(config: WorkerConfig, env: Environment): string {
  const file = env.VORTA_JOIN_TOKEN_FILE || config.mainframe.joinTokenFile
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw fail('UNAVAILABLE', `join token: ${file} cannot be read`, {
      hints: ['start the mainframe first: it writes the token', 'check mainframe.joinTokenFile'],
      cause,
    })
  }
}

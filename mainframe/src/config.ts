// The mainframe's configuration file; config/mainframe.yaml documents each field.

import * as d from '@vorta/core/decode'
import type { LogLevel } from '@vorta/core/log'
import { scores } from './scheduler/scores.ts'

const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const host = `(?:${octet}(?:\\.${octet}){3}|\\[[0-9a-f:]{2,39}\\]|localhost)`
const anAddress = 'an address such as "127.0.0.1:7070"'

/** Host and port in one text; port 0 picks a free one. */
export const listenAddress = d.refine(
  d.string({ pattern: new RegExp(`^${host}:\\d{1,5}$`), what: anAddress }),
  (text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535,
  anAddress,
)
const path = d.string({ min: 1, max: 4096 })

const span = (min: number, max: number, what: string) =>
  d.refine(d.duration, (ms) => ms >= min && ms <= max, `a duration from ${what}`)

/** One optional weight for each score plugin there is. */
const weights = d.object(
  Object.fromEntries(scores.map(({ name }) => [name, d.optional(d.number(0, 1000))])),
)

const level: d.Decoder<LogLevel> = d.oneOf('debug', 'info', 'warn', 'error', 'silent')

export const mainframeConfig = d.object({
  listen: d.withDefault(listenAddress, '127.0.0.1:7070'),
  dataFolder: d.withDefault(path, 'data/mainframe'),
  tls: d.optional(d.object({ certFile: path, keyFile: path })),
  insecure: d.withDefault(d.boolean, false),
  attestation: d.object({
    policyFile: path,
    enclave: d.withDefault(path, 'enclave/src/main.ts'),
    maxEvidenceAge: d.withDefault(span(1000, 30 * 24 * 3_600_000, '1s to 720h'), 3_600_000),
  }),
  transparencyLog: d.object({
    origin: d.string({
      min: 1,
      max: 200,
      pattern: /^[a-z0-9.-]+(?:\/[A-Za-z0-9._-]+)*$/,
      what: 'a log origin such as "example.org/vorta"',
    }),
  }),
  workers: d.section(
    d.refine(
      d.object({
        heartbeat: d.withDefault(span(50, 60_000, '50ms to 60s'), 1000),
        lease: d.withDefault(span(100, 3_600_000, '100ms to 1h'), 5000),
      }),
      ({ heartbeat, lease }) => lease >= 2 * heartbeat,
      'a lease of at least two heartbeats',
    ),
  ),
  artifacts: d.section(d.object({ maxSize: d.withDefault(d.byteSize, 2 ** 30) })),
  scheduler: d.section(d.object({ weights: d.section(weights) })),
  log: d.section(d.object({ level: d.withDefault(level, 'info') })),
})

export type MainframeConfig = d.Decoded<typeof mainframeConfig>

// The mainframe's configuration file; config/mainframe.yaml documents each field.

import * as d from '@vorta/core/decode'
import type { LogLevel } from '@vorta/core/log'

const address = d.string({
  pattern: /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]|localhost):\d{1,5}$/,
  what: 'an address such as "127.0.0.1:7070"',
})
const path = d.string({ min: 1, max: 4096 })

const level: d.Decoder<LogLevel> = d.oneOf('debug', 'info', 'warn', 'error', 'silent')

export const mainframeConfig = d.object({
  listen: d.withDefault(address, '127.0.0.1:7070'),
  dataFolder: d.withDefault(path, 'data/mainframe'),
  tls: d.optional(d.object({ certFile: path, keyFile: path })),
  insecure: d.withDefault(d.boolean, false),
  attestation: d.object({
    policyFile: path,
    enclave: d.withDefault(path, 'enclave/src/main.ts'),
    maxEvidenceAge: d.withDefault(d.duration, 3_600_000),
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
    d.object({
      heartbeat: d.withDefault(d.duration, 1000),
      lease: d.withDefault(d.duration, 5000),
    }),
  ),
  artifacts: d.section(d.object({ maxSize: d.withDefault(d.byteSize, 2 ** 30) })),
  scheduler: d.section(d.object({ weights: d.withDefault(d.record(d.number(0, 1000)), {}) })),
  log: d.section(d.object({ level: d.withDefault(level, 'info') })),
})

export type MainframeConfig = d.Decoded<typeof mainframeConfig>

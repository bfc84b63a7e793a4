// The configuration file of the service; config/attestation.yaml documents each
// field. The part that a mainframe shares is a section of its own configuration.

import { collateralConfig } from '@vorta/attestation/collateral-service/sources'
import { idPattern } from '@vorta/core'
import * as d from '@vorta/core/decode'
import type { LogLevel } from '@vorta/core/log'
import { listenAddress, path, tlsFiles } from '@vorta/core/server/listen'

const span = (min: number, max: number, what: string) =>
  d.refine(d.duration, (ms) => ms >= min && ms <= max, `a duration from ${what}`)

const hour = 3_600_000

/** Files of further policies by name. */
export const policyFiles = d.refine(
  d.record(path, 64),
  (files) => Object.keys(files).every((name) => idPattern.test(name)),
  'names of policies that are DNS labels',
)

const level: d.Decoder<LogLevel> = d.oneOf('debug', 'info', 'warn', 'error', 'silent')

/** Challenges, results and how much at once. */
export const appraisalSettings = d.object({
  challenges: d.section(
    d.object({
      ttl: d.withDefault(span(1000, hour, '1s to 1h'), 300_000),
      most: d.withDefault(d.integer(1, 1_000_000), 100_000),
    }),
  ),
  results: d.section(
    d.object({
      validFor: d.withDefault(span(1000, 30 * 24 * hour, '1s to 720h'), hour),
      keep: d.withDefault(span(60_000, 10_000 * hour, '1m to 10000h'), 30 * 24 * hour),
    }),
  ),
  limits: d.section(
    d.object({
      /** Appraisals under way at once. */
      underWay: d.withDefault(d.integer(1, 10_000), 256),
    }),
  ),
})

export type AppraisalSettings = d.Decoded<typeof appraisalSettings>

export const serviceConfig = d.object({
  listen: d.withDefault(listenAddress, '127.0.0.1:7080'),
  dataFolder: d.withDefault(path, 'data/attestation'),
  tls: d.optional(tlsFiles),
  insecure: d.withDefault(d.boolean, false),
  policies: d.refine(
    policyFiles,
    (files) => Object.hasOwn(files, 'default'),
    'files of policies by name, with one called "default"',
  ),
  enclave: d.optional(path),
  appraisals: d.section(appraisalSettings),
  collateral: collateralConfig,
  log: d.section(d.object({ level: d.withDefault(level, 'info') })),
})

export type ServiceConfig = d.Decoded<typeof serviceConfig>

// The mainframe's configuration file; config/mainframe.yaml documents each field.

import { collateralConfig } from '@vorta/attestation/collateral-service/sources'
import { appraisalSettings, policyFiles } from '@vorta/attestation-service/config'
import { idPattern } from '@vorta/core'
import * as d from '@vorta/core/decode'
import type { LogLevel } from '@vorta/core/log'
import { listenAddress, path, tlsFiles } from '@vorta/core/server/listen'
import { provisioningConfig } from './provisioning/config.ts'
import { scores } from './scheduler/scores.ts'

const span = (min: number, max: number, what: string) =>
  d.refine(d.duration, (ms) => ms >= min && ms <= max, `a duration from ${what}`)

const day = 24 * 3_600_000

/** One optional weight for each score plugin there is. */
const weights = d.object(
  Object.fromEntries(scores.map(({ name }) => [name, d.optional(d.number(0, 1000))])),
)

const level: d.Decoder<LogLevel> = d.oneOf('debug', 'info', 'warn', 'error', 'silent')

/** An attestation service elsewhere, and by what its results are believed. */
const remoteService = d.object({
  endpoint: d.string({
    max: 2048,
    pattern: /^https?:\/\/[^\s/?#@]+$/,
    what: 'an address such as "https://attestation.example:7080"',
  }),
  tokenFile: path,
  caFile: d.optional(path),
  jwksFile: path,
  policy: d.withDefault(d.string({ pattern: idPattern, what: 'the name of a policy' }), 'default'),
  policyId: d.optional(d.sha256Hex),
})

export type RemoteServiceConfig = d.Decoded<typeof remoteService>

const service: d.Decoder<'inside' | RemoteServiceConfig> = (value) =>
  value === undefined || value === 'inside' ? 'inside' : remoteService(value)

/** Where the mainframe's own quotes come from, if it has any. */
const self = d.section(
  d.refine(
    d.object({
      provider: d.withDefault(d.oneOf('none', 'dstack', 'gramine', 'simulated'), 'none'),
      endpoint: d.optional(path),
      tlsName: d.optional(d.string({ pattern: /^[a-z0-9.-]{1,253}$/, what: 'a host name' })),
    }),
    ({ provider, endpoint, tlsName }) =>
      provider === 'dstack' || (endpoint === undefined && tlsName === undefined),
    'an endpoint and a tlsName only where the provider is dstack',
  ),
)

export type SelfConfig = d.Decoded<typeof self>

export const mainframeConfig = d.object({
  listen: d.withDefault(listenAddress, '127.0.0.1:7070'),
  dataFolder: d.withDefault(path, 'data/mainframe'),
  tls: d.optional(tlsFiles),
  insecure: d.withDefault(d.boolean, false),
  attestation: d.object({
    policyFile: path,
    enclave: d.withDefault(path, 'enclave/src/main.ts'),
    maxEvidenceAge: d.withDefault(span(1000, 30 * 24 * 3_600_000, '1s to 720h'), 3_600_000),
    service,
    policies: d.withDefault(policyFiles, {}),
    appraisals: d.section(appraisalSettings),
    collateral: collateralConfig,
    self,
    forecast: d.section(
      d.object({
        every: d.withDefault(span(1000, 7 * day, '1s to 7d'), 6 * 3_600_000),
        standardAfter: d.withDefault(span(0, 400 * day, '0s to 400d'), 42 * day),
        cordon: d.withDefault(d.oneOf('certain', 'estimated', 'never'), 'certain'),
        cordonBefore: d.withDefault(span(0, 30 * day, '0s to 30d'), 600_000),
      }),
    ),
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
  keyRelease: d.section(
    d.object({ timeout: d.withDefault(span(1000, 24 * 3_600_000, '1s to 24h'), 300_000) }),
  ),
  secretProvisioning: d.optional(provisioningConfig),
  artifacts: d.section(d.object({ maxSize: d.withDefault(d.byteSize, 2 ** 30) })),
  scheduler: d.section(d.object({ weights: d.section(weights) })),
  log: d.section(d.object({ level: d.withDefault(level, 'info') })),
})

export type MainframeConfig = d.Decoded<typeof mainframeConfig>

// The service as a process of its own: the API, the plain routes and the metrics
// on one port.

import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { AttestationService } from '@vorta/api'
import { gate, observe } from '@vorta/api/server/calls'
import { createPageTokens } from '@vorta/api/server/paging'
import { keepFresh, openCollateralSources } from '@vorta/attestation/collateral-service/sources'
import { systemClock, systemRandom } from '@vorta/core'
import { threadedCrypto } from '@vorta/core/crypto-threads'
import { createLogger } from '@vorta/core/log'
import { bearerOf, openTokenFile, sameToken } from '@vorta/core/server/bearer-token'
import { loadTls, splitAddress } from '@vorta/core/server/listen'
import { healthRoutes, metricsRoute, plainRoutes } from '@vorta/core/server/plain-routes'
import { openPort } from '@vorta/core/server/port'
import { appraisalMethods } from './api.ts'
import { logCollateral } from './collateral-log.ts'
import type { ServiceConfig } from './config.ts'
import { openAppraisalService } from './open.ts'
import { loadPolicies, measurementOfProgram } from './policy-files.ts'
import { createProcessMetrics } from './process-metrics.ts'
import { jwksRoute, resultRoute } from './routes.ts'

export type AttestationServer = { readonly url: string; stop(): Promise<void> }

// Evidence is a quarter of this at most; nothing larger is read.
const largestMessage = 4 * 1024 * 1024

/** Throws CONFIG_INVALID. */
export async function startAttestationService(config: ServiceConfig): Promise<AttestationServer> {
  let stopping = false
  const log = createLogger('attestation', config.log.level)
  const dataFolder = resolve(config.dataFolder)
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const [host, port] = splitAddress(config)
  const tls = loadTls(config)
  const { registry, callSeconds, callsRefused } = createProcessMetrics()
  const measurement =
    config.enclave === undefined ? undefined : measurementOfProgram(config.enclave)
  const policies = loadPolicies(config.policies, measurement)
  const token = openTokenFile(join(dataFolder, 'admin.token'), 'admin')
  const roleOf = (authorization: string | null | undefined) => {
    const given = bearerOf(authorization)
    return given && sameToken(given, token) ? 'admin' : undefined
  }
  const base = { crypto: threadedCrypto, clock: systemClock, random: systemRandom }
  const collateral = await openCollateralSources(
    config.collateral,
    join(dataFolder, 'collateral'),
    { ...base, onEvent: logCollateral(log) },
  )
  const service = await openAppraisalService(dataFolder, policies, config.appraisals, {
    ...base,
    registry,
    collateral: collateral.forQuote,
  })

  const handler = connectNodeAdapter({
    routes: (router) => {
      router.service(AttestationService, appraisalMethods(service, createPageTokens()))
    },
    requestGate: gate({
      roleOf,
      permits: () => true,
      hint: 'set VORTA_TOKEN_FILE to the admin.token in the data folder of the service',
      stopping: () => stopping,
      onRefused: (code) => callsRefused.inc({ code }),
    }),
    interceptors: [observe(callSeconds, log)],
    readMaxBytes: largestMessage,
    jsonOptions: { ignoreUnknownFields: false },
    fallback: plainRoutes(
      healthRoutes(() => (stopping ? 'stopping' : undefined)),
      metricsRoute(registry, service.refreshMetrics),
      jwksRoute(service),
      resultRoute(service, (authorization) => roleOf(authorization) !== undefined),
    ),
  })
  const opened = await openPort({
    host,
    port,
    handler,
    ...(tls ? { tls } : {}),
    onUpgrade: (_, socket) => socket.destroy(),
  })
  const stopRenewal = keepFresh(collateral)
  const names = service.policies.all.map(({ name }) => name)
  log.info({ url: opened.url, key: service.key.kid, policies: names }, 'attestation service is up')
  for (const { name, policy } of service.policies.all) {
    if (policy.simulated) log.warn({ policy: name }, 'the policy accepts SIMULATED enclaves')
  }

  return {
    url: opened.url,
    stop: async () => {
      stopping = true
      stopRenewal()
      await opened.close()
      service.store.close()
      log.info('attestation service has stopped')
    },
  }
}

// Puts the parts together. Everything that holds state or a resource is made
// here, handed on explicitly, and closed in the reverse order.

import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import {
  ArtifactService,
  AttestationService,
  ClusterService,
  JobService,
  LogService,
  ReceiptService,
} from '@vorta/api'
import { systemClock, systemRandom, type VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { createLogger } from '@vorta/core/log'
import { artifactService } from './api/artifact-service.ts'
import { attestationService } from './api/attestation-service.ts'
import { clusterService } from './api/cluster-service.ts'
import { jobService } from './api/job-service.ts'
import { createPageTokens } from './api/paging.ts'
import { logService, receiptService } from './api/receipt-service.ts'
import { openArtifactStore } from './artifacts/artifact-store.ts'
import { createAppraiser } from './attestation/appraiser.ts'
import { createCollateralSource } from './attestation/collateral.ts'
import { Cluster } from './cluster/cluster.ts'
import type { MainframeConfig } from './config.ts'
import { EventBus } from './jobs/event-bus.ts'
import { startJobEngine } from './jobs/job-engine.ts'
import { JobTable } from './jobs/job-table.ts'
import { openLogKey } from './log/log-key.ts'
import { openLogReader } from './log/log-reader.ts'
import { openLog } from './log/log-writer.ts'
import { createMetrics } from './metrics.ts'
import { weighted } from './scheduler/scores.ts'
import { gate, observe } from './server/interceptors.ts'
import { plainRoutes } from './server/plain-routes.ts'
import { openPort } from './server/port.ts'
import { openTokens } from './server/tokens.ts'
import { acceptWorkers } from './server/upgrade.ts'
import { loadPolicy, loadTls, splitAddress } from './settings.ts'
import { becomeLeader } from './store/leader.ts'
import { openSqliteStore } from './store/sqlite.ts'

export type Mainframe = { readonly url: string; stop(): Promise<void> }

// Specs and small artifacts fit; everything larger is streamed.
const largestMessage = 4 * 1024 * 1024

/** `fatal` is called when the process must not go on; it should end it. */
export async function startMainframe(
  config: MainframeConfig,
  fatal: (error: VortaError) => void,
): Promise<Mainframe> {
  let state: 'up' | 'stopping' | 'stopped' = 'up'
  // Once all is stopped, a write that comes late fails, and nothing is lost by it.
  const onFault = (error: VortaError) => {
    if (state !== 'stopped') fatal(error)
  }
  const clock = systemClock
  const log = createLogger('mainframe', config.log.level)
  const dataFolder = resolve(config.dataFolder)
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const [host, port] = splitAddress(config)
  const tls = loadTls(config)
  const metrics = createMetrics()
  const policy = loadPolicy(config)
  metrics.simulatedAccepted.set(policy.simulated ? 1 : 0)
  const store = await openSqliteStore(dataFolder)
  const leadership = await becomeLeader(store, {
    holder: `${hostname()}/${process.pid}`,
    clock,
    fatal: onFault,
  })
  const tokens = openTokens(dataFolder)
  const artifacts = openArtifactStore(join(dataFolder, 'artifacts'), {
    maxBytes: config.artifacts.maxSize,
  })

  const origin = policy.simulated
    ? `${config.transparencyLog.origin}/SIMULATED`
    : config.transparencyLog.origin
  const logKey = openLogKey(dataFolder, origin)
  const logIdentity = { origin, key: logKey.vkey }
  const logWriter = await openLog(store, logKey, origin)
  const reader = openLogReader(store)

  const bus = new EventBus()
  const appraiser = createAppraiser(nodeCrypto, policy, clock)
  const table = new JobTable({
    store,
    epoch: leadership.epoch,
    bus,
    clock,
    metrics,
    fatal: onFault,
  })
  const cluster = new Cluster({
    store,
    commit: (mutations) => table.commit(mutations),
    appraiser,
    collateral: createCollateralSource(clock),
    tokens,
    clock,
    log,
    metrics,
    heartbeatMs: config.workers.heartbeat,
    maxEvidenceAgeMs: config.attestation.maxEvidenceAge,
  })
  await cluster.load()
  const engine = await startJobEngine({
    store,
    table,
    cluster,
    artifacts,
    transparencyLog: logWriter,
    logIdentity,
    plugins: weighted(config.scheduler.weights),
    crypto: nodeCrypto,
    clock,
    random: systemRandom,
    log,
    metrics,
  })
  const { submit, control, recovered } = engine
  cluster.onCapacity = () => engine.scheduling.capacityChanged()
  const pageTokens = createPageTokens()
  const routes = plainRoutes({
    metrics,
    log: reader,
    beforeScrape: () => {
      for (const state of ['READY', 'DRAINING', 'LOST', 'NOT_READY'] as const) {
        metrics.workers.set(
          { state },
          cluster.all().filter((worker) => worker.state === state).length,
        )
      }
      metrics.logSize.set(logWriter.size)
    },
    notReady: () => (state === 'up' ? undefined : 'stopping'),
  })
  const handler = connectNodeAdapter({
    routes: (router) => {
      router.service(
        JobService,
        jobService({ store, table, submit, control, bus, tokens: pageTokens, clock }),
      )
      router.service(ArtifactService, artifactService(artifacts))
      router.service(
        ClusterService,
        clusterService({ store, table, cluster, logIdentity, policy, tokens: pageTokens }),
      )
      router.service(
        AttestationService,
        attestationService({ store, appraiser, tokens: pageTokens }),
      )
      router.service(ReceiptService, receiptService({ store, log: reader, logIdentity }))
      router.service(LogService, logService({ store, log: reader, logIdentity }))
    },
    requestGate: gate({ tokens, metrics, stopping: () => state !== 'up' }),
    interceptors: [observe(metrics, log)],
    readMaxBytes: largestMessage,
    jsonOptions: { ignoreUnknownFields: false },
    fallback: routes,
  })
  const opened = await openPort({
    host,
    port,
    handler,
    ...(tls ? { tls } : {}),
    onUpgrade: acceptWorkers({
      tokens,
      metrics,
      log,
      join: (id, socket) => void cluster.join(id, socket),
    }),
  })
  const leaseWatch = setInterval(
    () => cluster.dropSilent(config.workers.lease),
    config.workers.heartbeat,
  )
  log.info(
    { url: opened.url, origin, recovered, logSize: logWriter.size, simulated: policy.simulated },
    'mainframe is up',
  )
  if (policy.simulated)
    log.warn('the policy accepts SIMULATED enclaves: receipts prove nothing about hardware')

  return {
    url: opened.url,
    stop: async () => {
      // New calls are refused first; then nothing new begins; then what is under way ends:
      // calls get their answers, and results that have arrived their receipts.
      state = 'stopping'
      clearInterval(leaseWatch)
      engine.close()
      bus.close()
      cluster.close()
      await opened.close()
      await engine.recorder.idle()
      state = 'stopped'
      await leadership.release()
      artifacts.close()
      await store.close()
      log.info('mainframe has stopped')
    },
  }
}

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
  KeyReleaseService,
  LogService,
  MainframeService,
  PolicyService,
  ReceiptService,
} from '@vorta/api'
import { observe } from '@vorta/api/server/calls'
import { createPageTokens } from '@vorta/api/server/paging'
import { keepFresh } from '@vorta/attestation/collateral-service/sources'
import { loadPolicy, measurementOfProgram, withMeasurement } from '@vorta/attestation-service'
import { systemClock, systemRandom, type VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { threadedCrypto } from '@vorta/core/crypto-threads'
import { createLogger } from '@vorta/core/log'
import { splitAddress } from '@vorta/core/server/listen'
import { openPort } from '@vorta/core/server/port'
import { artifactService } from './api/artifact-service.ts'
import { attestationService } from './api/attestation-service.ts'
import { clusterService } from './api/cluster-service.ts'
import { jobService } from './api/job-service.ts'
import { mainframeService } from './api/mainframe-service.ts'
import { policyService } from './api/policy-service.ts'
import { logService, receiptService } from './api/receipt-service.ts'
import { keyReleaseService } from './api/release-service.ts'
import { openArtifactStore } from './artifacts/artifact-store.ts'
import { openCollateral, showCollateral } from './attestation/collateral.ts'
import { ForecastWatch } from './attestation/forecast-watch.ts'
import { createOwnIdentity } from './attestation/own-certificate.ts'
import { keyHashOf, openSelf } from './attestation/self.ts'
import { createSelfEvidence } from './attestation/self-evidence.ts'
import { openVerifier } from './attestation/verifier.ts'
import { Cluster } from './cluster/cluster.ts'
import type { MainframeConfig } from './config.ts'
import { EventBus } from './jobs/event-bus.ts'
import { startJobEngine } from './jobs/job-engine.ts'
import { JobTable } from './jobs/job-table.ts'
import { openLogKey } from './log/log-key.ts'
import { openLogReader } from './log/log-reader.ts'
import { openLog } from './log/log-writer.ts'
import { createMetrics } from './metrics.ts'
import { openProvisioning } from './provisioning/server.ts'
import { weighted } from './scheduler/scores.ts'
import { collateralRoute } from './server/collateral-route.ts'
import { gate } from './server/interceptors.ts'
import { pccsRoute } from './server/pccs-route.ts'
import { plainRoutes } from './server/plain-routes.ts'
import { openTokens } from './server/tokens.ts'
import { acceptWorkers } from './server/upgrade.ts'
import { openWorkerChannel } from './server/worker-channel.ts'
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
  const { provider, tls } = await openSelf(config, clock)
  const [host, port] = splitAddress({ ...config, tls })
  const metrics = createMetrics()
  const measurement = measurementOfProgram(config.attestation.enclave)
  const policy = loadPolicy(config.attestation.policyFile, measurement)
  metrics.simulatedAccepted.set(policy.simulated ? 1 : 0)
  const collateral = await openCollateral(config.attestation.collateral, dataFolder, {
    clock,
    log,
    metrics,
  })
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
  const verifier = await openVerifier(config, policy, {
    dataFolder,
    crypto: threadedCrypto,
    clock,
    random: systemRandom,
    registry: metrics.registry,
    collateral: collateral.forQuote,
    tokens,
  })
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
    appraiser: verifier.appraiser,
    collateral: collateral.forQuote,
    tokens,
    clock,
    log,
    metrics,
    heartbeatMs: config.workers.heartbeat,
    maxEvidenceAgeMs: config.attestation.maxEvidenceAge,
  })
  await cluster.load()
  const forecasts = new ForecastWatch(config.attestation.forecast, {
    cluster,
    store,
    collateral,
    policy,
    crypto: threadedCrypto,
    clock,
    log,
    metrics,
  })
  collateral.onAdopted = () => forecasts.recheck()
  const engine = await startJobEngine({
    store,
    table,
    cluster,
    artifacts,
    transparencyLog: logWriter,
    logIdentity,
    keyTimeoutMs: config.keyRelease.timeout,
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
  const selfEvidence = createSelfEvidence({
    provider,
    claims: { log: logKey.vkey, ...(tls && { tls: keyHashOf(tls) }) },
    collateral: collateral.forQuote,
  })
  const ownIdentity = createOwnIdentity(provider, clock)
  const routes = plainRoutes({
    metrics,
    log: reader,
    more: [
      ...verifier.routes,
      pccsRoute(collateral),
      collateralRoute(ownIdentity, collateral.forQuote),
    ],
    beforeScrape: () => {
      for (const state of ['READY', 'DRAINING', 'LOST', 'NOT_READY'] as const) {
        metrics.workers.set(
          { state },
          cluster.all().filter((worker) => worker.state === state).length,
        )
      }
      metrics.logSize.set(logWriter.size)
      verifier.refreshMetrics()
      showCollateral(collateral, metrics, clock)
      forecasts.show()
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
      router.service(AttestationService, attestationService(store, verifier.methods))
      router.service(
        PolicyService,
        policyService({
          store,
          crypto: threadedCrypto,
          clock,
          metrics,
          policy,
          complete: (proposed) => withMeasurement(proposed, measurement),
        }),
      )
      router.service(
        MainframeService,
        mainframeService(selfEvidence, { ...reader, size: () => logWriter.size }, metrics),
      )
      router.service(ReceiptService, receiptService({ store, log: reader, logIdentity }))
      router.service(KeyReleaseService, keyReleaseService(engine.releases))
      router.service(LogService, logService({ store, log: reader, logIdentity }))
    },
    requestGate: gate({ tokens, metrics, stopping: () => state !== 'up' }),
    interceptors: [observe(metrics.rpcSeconds, log)],
    readMaxBytes: largestMessage,
    jsonOptions: { ignoreUnknownFields: false },
    fallback: routes,
  })
  const channel = {
    identity: ownIdentity,
    collateral: collateral.forQuote,
    policy,
    clock,
    log,
    metrics,
  }
  const opened = await openPort({
    host,
    port,
    handler,
    ...(tls ? { tls } : {}),
    onUpgrade: acceptWorkers({
      tokens,
      metrics,
      log,
      join: (id, stream, nonce) =>
        void openWorkerChannel(channel, id, stream, nonce).then(
          ({ socket, peer }) => cluster.join(id, socket, peer),
          (refused) => cluster.turnAway(id, refused),
        ),
    }),
  })
  const provisioning =
    config.secretProvisioning &&
    (await openProvisioning(config.secretProvisioning, {
      collateral: collateral.forQuote,
      clock,
      log,
      metrics,
    }))
  if (provisioning) log.info({ address: provisioning.address }, 'secret provisioning is up')
  const leaseWatch = setInterval(() => {
    cluster.dropSilent(config.workers.lease)
    void forecasts.tick()
  }, config.workers.heartbeat)
  const stopRenewal = keepFresh(collateral)
  log.info(
    { url: opened.url, origin, recovered, logSize: logWriter.size, simulated: policy.simulated },
    'mainframe is up',
  )
  if (provider)
    log.info({ tee: provider.tee, measurement: provider.measurement }, provider.description)
  if (policy.simulated)
    log.warn('the policy accepts SIMULATED enclaves: receipts prove nothing about hardware')

  return {
    url: opened.url,
    stop: async () => {
      // New calls are refused first; then nothing new begins; then what is under way ends:
      // calls get their answers, and results that have arrived their receipts.
      state = 'stopping'
      clearInterval(leaseWatch)
      stopRenewal()
      engine.close()
      bus.close()
      cluster.close()
      provisioning?.close()
      await opened.close()
      await engine.recorder.idle()
      state = 'stopped'
      await leadership.release()
      artifacts.close()
      verifier.close()
      await store.close()
      log.info('mainframe has stopped')
    },
  }
}

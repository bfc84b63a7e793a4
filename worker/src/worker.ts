// The worker put together: an enclave, a cache, an executor, and one connection
// on which the mainframe calls it.

import { readFileSync } from 'node:fs'
import { createServer, type ServerHttp2Session } from 'node:http2'
import { join } from 'node:path'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { WorkerService } from '@vorta/api'
import { fail, systemClock } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import { openArtifactCache } from './artifact-cache.ts'
import type { RetryRange } from './backoff.ts'
import type { WorkerConfig } from './config.ts'
import { keepConnected, type Served } from './connection.ts'
import { superviseEnclave } from './enclave-process.ts'
import { enclaveProgram } from './enclave-program.ts'
import { createExecutor } from './executor.ts'
import { createLedger } from './ledger.ts'
import { openMainframePolicy } from './mainframe-policy.ts'
import { loadPlatformId } from './platform-id.ts'
import { createService, type ServiceOptions } from './service.ts'
import { dismiss, openSession } from './session.ts'
import { createTopic } from './topic.ts'

export type WorkerOptions = {
  readonly config: WorkerConfig
  readonly workerId: string
  /** Asked for every attempt to join. May throw. */
  readonly joinToken: () => string
  readonly log: Logger
  /** Pauses before joining again and before starting an enclave again. */
  readonly retry?: RetryRange
}

export type Worker = {
  /** Process id of the enclave, while one is up. */
  readonly enclavePid: number | undefined
  /** Takes no more work, finishes what runs within the configured time, and leaves. */
  readonly stop: () => Promise<void>
}

const defaultRetry: RetryRange = { minMs: 200, maxMs: 10_000 }
/** A batch with its inline artifacts stays well below. */
const maxMessageBytes = 64 * 1024 * 1024
/** For the last messages to leave. */
const closeMs = 1_000

/** Starts a worker; it joins and joins again by itself. Throws CONFIG_INVALID. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { config, workerId, log, joinToken, retry = defaultRetry } = options
  const { endpoint } = config.mainframe
  const ca = readCa(config.mainframe.caFile)
  const folder = join(config.dataFolder, workerId)
  const platformId = await loadPlatformId(folder)
  const cache = await openArtifactCache(join(folder, 'artifacts'), config.cache.size)
  const { now } = systemClock
  const pacing = { retry, random: Math.random, now }

  if (config.enclave.tee === 'simulated') {
    log.warn('SIMULATED enclave: nothing this worker signs is vouched for by hardware')
  }
  if (tokenInTheClear(endpoint)) {
    log.warn({ endpoint }, 'the join token crosses the network unencrypted: use https')
  }

  let draining = false
  const leaving = new AbortController()
  const changes = createTopic<void>()
  const onChange = () => changes.publish()
  const ledger = createLedger({ slots: config.slots, epcBytes: config.enclave.epc }, onChange)
  const program = enclaveProgram(config.enclave, platformId)
  const enclave = superviseEnclave({ program, ...pacing, onChange, log })
  const executor = createExecutor({
    ledger,
    cache,
    enclave: () => enclave.current,
    draining: () => draining,
    clock: systemClock,
  })
  const service: ServiceOptions = {
    workerId,
    epcBytes: config.enclave.epc,
    executor,
    mainframe: { endpoint, ca },
    ledger,
    cache,
    enclave,
    draining: () => draining,
    changes,
    log,
  }

  function serve(http2: ServerHttp2Session): Served {
    const session = openSession()
    const routes = connectNodeAdapter({
      readMaxBytes: maxMessageBytes,
      routes: (router) =>
        router.service(WorkerService, createService(service, session, leaving.signal)),
    })
    // A server that never listens: it turns the streams of this one session into requests.
    const server = createServer(routes)
    http2.on('stream', (...stream) => server.emit('stream', ...stream))
    return {
      get refused() {
        return session.refused
      },
      ended: () => dismiss(session),
    }
  }
  const connection = keepConnected({
    endpoint,
    ca,
    workerId,
    joinToken,
    ...pacing,
    ready: enclave.ready,
    vouch: (spki, nonce) => {
      if (enclave.current) return enclave.current.vouch(spki, nonce)
      throw fail('ENCLAVE_LOST', 'no enclave is up to vouch for this worker')
    },
    mainframe: openMainframePolicy(config.mainframe, ca),
    serve,
    log,
  })

  return {
    get enclavePid() {
      return enclave.current?.pid
    },
    async stop() {
      draining = true
      onChange()
      log.info({ running: ledger.running }, 'draining')
      await within(config.drainTimeout, ledger.idle())
      leaving.abort()
      await Promise.all([connection.close(closeMs), enclave.stop()])
      await cache.flushed()
      log.info('stopped')
    },
  }
}

function readCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw fail('CONFIG_INVALID', `mainframe.caFile: ${file} cannot be read`, { cause })
  }
}

function tokenInTheClear(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint)
  return protocol === 'http:' && !/^(?:localhost|127\.|\[::1\])/.test(hostname)
}

function within(ms: number, done: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  return Promise.race([promise, done]).finally(() => clearTimeout(timer))
}

// How long the programs take to start and what they hold when idle, beside an
// empty HTTP server under the same Node.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker_State } from '@vorta/api'
import { connect, waitFor } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { receiptOfOne, uploadExample } from './load.ts'
import {
  millisecondsOf,
  onlyChildOf,
  residentMegabytes,
  runToEnd,
  startClusterOn,
} from './processes.ts'
import { type Benchmark, median, type Report } from './report.ts'

const starts = 5
/** Start-up garbage is collected and code compiled by then. */
const idleMs = 3000
const startTimeoutMs = 60_000
/** How finely a worker's start is seen. */
const pollMs = 5

const folder = join(root, 'out/bench/footprint')
const receiptFile = join(folder, 'receipt.json')

export const footprint: Benchmark = {
  name: 'footprint',
  summary: `start-up and idle memory, median of ${starts} starts`,
  run: async (report, scope) => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const rounds: Round[] = []
    for (let round = 1; round <= starts; round++) {
      rounds.push(await startAll(join(folder, `start-${round}`), scope))
    }
    tell(report, (key) => median(rounds.map((round) => round[key])))
  },
}

const keys = [
  'mainframe_start_ms',
  'worker_start_ms',
  'node_start_ms',
  'mainframe_idle_mb',
  'worker_idle_mb',
  'enclave_idle_mb',
  'node_idle_mb',
  'cli_version_ms',
  'receipt_verify_ms',
] as const
type Round = Readonly<Record<(typeof keys)[number], number>>

/** Starts each program once, one after the other; leaves them idle together; stops them. */
async function startAll(home: string, scope: AsyncDisposableStack): Promise<Round> {
  const begun = performance.now()
  const node = spawn(process.execPath, [join(root, 'bench/peers/bare-server.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  scope.defer(() => void node.kill('SIGKILL'))
  await once(node.stdout, 'data')
  const nodeStart = performance.now() - begun

  const begunMainframe = performance.now()
  const cluster = await startClusterOn(scope, { folder: home, workers: 0 })
  const mainframeStart = performance.now() - begunMainframe

  const client = connect(cluster.url, cluster.tokenFile)
  await client.cluster.listWorkers({}) // the connection is not the worker's to wait for
  const begunWorker = performance.now()
  const worker = cluster.startWorker('worker-01')
  await waitFor(
    'the worker to be ready',
    async () => {
      const { workers } = await client.cluster.listWorkers({})
      return workers[0]?.state === Worker_State.READY
    },
    startTimeoutMs,
    pollMs,
  )
  const workerStart = performance.now() - begunWorker

  await pause(idleMs)
  const workerPid = worker.process.pid!
  const idle = {
    mainframe_idle_mb: residentMegabytes(cluster.mainframe.process.pid!),
    worker_idle_mb: residentMegabytes(workerPid),
    enclave_idle_mb: residentMegabytes(onlyChildOf(workerPid)),
    node_idle_mb: residentMegabytes(node.pid!),
  }
  writeFileSync(receiptFile, await receiptOfOne(client, await uploadExample(client)))
  node.kill()
  await cluster.stop()
  return {
    ...idle,
    node_start_ms: nodeStart,
    mainframe_start_ms: mainframeStart,
    worker_start_ms: workerStart,
    cli_version_ms: await millisecondsOf(() => cli(scope, '--version')),
    receipt_verify_ms: await millisecondsOf(() =>
      cli(scope, 'receipt', 'verify', relative(root, receiptFile), '--allow-simulated'),
    ),
  }
}

const cli = (scope: AsyncDisposableStack, ...args: readonly string[]): Promise<string> =>
  runToEnd(scope, join(root, 'bin/vorta-cli'), args)

function tell({ add }: Report, medianOf: (key: keyof Round) => number): void {
  const start = { what: 'empty HTTP server', value: medianOf('node_start_ms') }
  const idle = { what: 'empty HTTP server', value: medianOf('node_idle_mb') }
  add({
    key: 'mainframe_start_ms',
    what: 'mainframe, spawn to listening',
    value: medianOf('mainframe_start_ms'),
    unit: 'ms',
    peer: { ...start, key: 'node_start_ms', ratioKey: 'mainframe_start_ratio' },
  })
  const starts = {
    worker_start_ms: 'worker, spawn to READY',
    cli_version_ms: 'vorta-cli --version',
    receipt_verify_ms: 'vorta-cli receipt verify',
  } as const
  for (const key of Object.keys(starts) as (keyof typeof starts)[]) {
    add({ key, what: starts[key], value: medianOf(key), unit: 'ms', peer: start })
  }
  add({
    key: 'mainframe_idle_mb',
    what: 'mainframe, resident when idle',
    value: medianOf('mainframe_idle_mb'),
    unit: 'MB',
    peer: { ...idle, key: 'node_idle_mb', ratioKey: 'mainframe_memory_ratio' },
  })
  const residents = {
    worker_idle_mb: 'worker host, resident when idle',
    enclave_idle_mb: 'enclave, resident when idle',
  } as const
  for (const key of Object.keys(residents) as (keyof typeof residents)[]) {
    add({ key, what: residents[key], value: medianOf(key), unit: 'MB', peer: idle })
  }
}

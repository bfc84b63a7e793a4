// Proofs to receipts through the real system: one mainframe and two workers as
// processes, driven through the API, beside processes that only verify.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { connect, waitForWorkers } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { type ByProcess, describe, processNames, type RoundSamples } from './endtoend-report.ts'
import { receiptOfOne, runLoad, uploadExample, verifyReceipts, watchEnds } from './load.ts'
import { millisecondsOf, onlyChildOf, processorMs, runToEnd, startClusterOn } from './processes.ts'
import { type Benchmark, median } from './report.ts'

const workers = 2
/** Ours and the peers take turns, so that a busy moment of the machine hits both. */
const rounds = 3
const jobsPerRound = 800
const singleJobs = 100
const peerMs = 1000
const perBatch = 50
const batchesInFlight = 4
/** One receipt in so many is fetched and verified, outside of the measured time. */
const verifyEvery = 50

const folder = join(root, 'out/bench/endtoend')

export const endtoend: Benchmark = {
  name: 'endtoend',
  summary: `proof jobs to receipts, 1 mainframe and ${workers} workers, all on this machine`,
  run: async (report, scope) => {
    rmSync(folder, { recursive: true, force: true })
    const cluster = await startClusterOn(scope, { folder, workers })
    const client = connect(cluster.url, cluster.tokenFile)
    await waitForWorkers(client, workers)
    const spec = await uploadExample(client)
    const watching = new AbortController()
    scope.defer(() => watching.abort())
    const ends = await watchEnds(client, watching.signal)
    const load = (prefix: string, jobs: number) =>
      runLoad({ client, ends, spec, prefix, jobs, perBatch, batchesInFlight })
    await load('warm-up', 200)

    const single: number[] = []
    for (let count = 0; count < singleJobs; count++) {
      single.push(await millisecondsOf(() => receiptOfOne(client, spec)))
    }

    const workerPids = cluster.workers.map((worker) => worker.process.pid!)
    const processes = {
      mainframe: [cluster.mainframe.process.pid!],
      worker: workerPids,
      enclave: workerPids.map(onlyChildOf),
      client: [process.pid],
    }
    const samples: RoundSamples = {
      receipts: [],
      snarkjs: [],
      snarkjsAll: [],
      zkp: [],
      zkpAll: [],
      zkpCpuMs: [],
    }
    const latencies: number[] = []
    const used = { mainframe: 0, worker: 0, enclave: 0, client: 0 }
    for (let round = 1; round <= rounds; round++) {
      samples.snarkjs.push((await verifying(scope, 'snarkjs', 1)).perSecond)
      samples.snarkjsAll.push((await verifying(scope, 'snarkjs', workers)).perSecond)
      samples.zkp.push((await verifying(scope, 'zkp', 1)).perSecond)
      const { perSecond, cpuMs } = await verifying(scope, 'zkp', workers)
      samples.zkpAll.push(perSecond)
      samples.zkpCpuMs.push(cpuMs)
      const before = usedBy(processes)
      const { receiptsPerSecond, latenciesMs, names } = await load(`round-${round}`, jobsPerRound)
      const after = usedBy(processes)
      for (const name of processNames) {
        used[name] += (after[name] - before[name]) / (rounds * names.length)
      }
      samples.receipts.push(receiptsPerSecond)
      latencies.push(...latenciesMs)
      await verifyReceipts(
        client,
        names.filter((_, i) => i % verifyEvery === 0),
      )
    }
    describe(report, {
      workers,
      inFlight: perBatch * batchesInFlight,
      rounds: samples,
      singleMs: single,
      loadedMs: latencies,
      cpuMs: used,
    })
  },
}

/** Processor time of each kind of process, in milliseconds. */
function usedBy(processes: ByProcess<readonly number[]>): ByProcess<number> {
  const sum = (pids: readonly number[]) => pids.map(processorMs).reduce((a, b) => a + b)
  const { mainframe, worker, enclave, client } = processes
  return {
    mainframe: sum(mainframe),
    worker: sum(worker),
    enclave: sum(enclave),
    client: sum(client),
  }
}

type Verifying = { readonly perSecond: number; readonly cpuMs: number }

/** Some processes that verify the example proof at the same time: their sum, and processor time of one verification. */
async function verifying(
  scope: AsyncDisposableStack,
  verifier: 'snarkjs' | 'zkp',
  processes: number,
): Promise<Verifying> {
  const program = join(root, 'bench/peers/verify-loop.ts')
  const loop = async () =>
    JSON.parse(
      await runToEnd(scope, process.execPath, [program, verifier, String(peerMs)]),
    ) as Verifying
  const loops = await Promise.all(Array.from({ length: processes }, loop))
  return {
    perSecond: loops.reduce((sum, { perSecond }) => sum + perSecond, 0),
    cpuMs: median(loops.map(({ cpuMs }) => cpuMs)),
  }
}

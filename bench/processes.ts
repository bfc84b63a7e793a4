// Programs that a benchmark starts, and what /proc (Linux) tells of running ones.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { type ClusterOptions, root, startCluster, type TestCluster } from '../scripts/cluster.ts'

/** Starts a cluster that ends with `scope`, also where that ends while the cluster still starts. */
export function startClusterOn(
  scope: AsyncDisposableStack,
  options: ClusterOptions,
): Promise<TestCluster> {
  const starting = startCluster(options)
  scope.defer(() =>
    starting.then(
      (cluster) => cluster.stop(),
      () => {}, // whoever awaits the start learns why it failed
    ),
  )
  return starting
}

/** Runs a program to its end, or that of `scope`, and gives its stdout. Throws where it fails. */
export async function runToEnd(
  scope: AsyncDisposableStack,
  command: string,
  args: readonly string[],
): Promise<string> {
  const child = spawn(command, [...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  scope.defer(() => void child.kill('SIGKILL'))
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}`)
  return output
}

export async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** Resident memory in MB (10^6 bytes). */
export function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kibibytes === undefined) throw new Error(`process ${pid} has no VmRSS`)
  return (Number(kibibytes) * 1024) / 1e6
}

// Linux counts processor time for user space in ticks of 10 ms, on every architecture.
const tickMs = 10

/** Processor time used so far, all threads, user and system. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // proc_pid_stat(5): utime and stime are fields 14 and 15; the name, field 2, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}

/** The one child of a process: of a worker, its enclave. */
export function onlyChildOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  const [child, ...more] = children.map(Number)
  if (!child || more.length > 0) throw new Error(`process ${pid} has children "${children}"`)
  return child
}

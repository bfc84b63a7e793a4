// A cluster of real processes in a temporary folder, for the tests of one file.
// It is stopped when they are over; should the test process end first, whatever
// it started is killed.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type ApiClient, connect, waitForWorkers } from '../../scripts/api-client.ts'
import { type ClusterOptions, startCluster, type TestCluster } from '../../scripts/cluster.ts'

export type System = {
  readonly folder: string
  readonly cluster: TestCluster
  readonly client: ApiClient
  /** Of the administrator. */
  readonly token: string
  /** Sum of the samples of a metric that have these labels; 0 where there are none. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>
}

// Whatever hangs, hangs no longer than this. The slowest file takes half a minute.
const longestFileMs = 240_000
const watchdog = setTimeout(() => {
  process.stderr.write(`the tests of this file took longer than ${longestFileMs} ms\n`)
  process.exit(1)
}, longestFileMs)
watchdog.unref()

// Without these a signal would end the test process and leave its children.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A folder that is removed at the end; VORTA_KEEP=1 keeps it, to read its logs. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'vorta-e2e-'))
  const remove = () => {
    if (!process.env.VORTA_KEEP) rmSync(path, { recursive: true, force: true })
  }
  return { path, remove }
}

/** Boots a cluster and waits for its workers. To be called before the first test of a file. */
export async function bootSystem(options: Omit<ClusterOptions, 'folder'> = {}): Promise<System> {
  const { path: folder, remove } = temporaryFolder()
  const cluster = await startCluster({ folder, ...options })
  after(async () => {
    await cluster.stop()
    remove()
  })
  const client = connect(cluster.url, cluster.tokenFile)
  const token = readFileSync(cluster.tokenFile, 'utf8').trim()
  await waitForWorkers(client, options.workers ?? 3)
  return { folder, cluster, client, token, metric: metricsOf(() => cluster.url) }
}

export const metricsOf =
  (url: () => string): System['metric'] =>
  async (name, labels = {}) => {
    const text = await (await fetch(new URL('/metrics', url()))).text()
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    return text
      .split('\n')
      .filter((line) => /^[a-z_]+/.exec(line)?.[0] === name)
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

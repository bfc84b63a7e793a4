// A whole cluster on this machine as real processes: one mainframe and some
// workers with SIMULATED enclaves, in a folder of their own. The demo, `make dev`,
// the end-to-end tests and the benchmarks all start it from here.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..')

export type ClusterOptions = {
  readonly folder: string
  readonly workers?: number
  /** Port 0 picks a free one. */
  readonly listen?: string
  /** Configuration of the mainframe, instead of config/mainframe.yaml. */
  readonly mainframeConfig?: string
  /** Members to put over those of a worker's configuration file. */
  readonly workerConfig?: Readonly<Record<string, unknown>>
}

export type Running = {
  readonly process: ChildProcess
  readonly name: string
  readonly exited: Promise<number | null>
}

export type TestCluster = {
  readonly folder: string
  readonly url: string
  readonly tokenFile: string
  readonly mainframe: Running
  readonly workers: readonly Running[]
  startMainframe(): Promise<void>
  /** Starts a worker anew or one more; `checkout` is the folder of its sources. */
  startWorker(id: string, checkout?: string): Running
  stop(): Promise<void>
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Sees to it that a child does not outlive this process, unless that is killed itself. */
export function killAtExit(child: ChildProcess): void {
  children.add(child)
  child.once('exit', () => children.delete(child))
}

/** Starts a program of ours with its log going to a file; stdout can be read. */
function start(
  name: string,
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Running {
  const process_ = spawn(process.execPath, [...args], {
    cwd: root,
    // Compiled sources are kept between runs, as bin/launch does.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'), ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  killAtExit(process_)
  const log = createWriteStream(join(folder, `${name}.log`), { flags: 'a' })
  process_.stderr?.pipe(log)
  const exited = once(process_, 'exit').then(([code]) => code as number | null)
  return { process: process_, name, exited }
}

async function readUrl({ process: child, name, exited }: Running, folder: string): Promise<string> {
  let text = ''
  const line = new Promise<string>((found) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const url = /listening on (\S+)\n/.exec(text)?.[1]
      if (url) found(url)
    })
  })
  const failed = exited.then((code) => {
    throw new Error(`${name} ended with code ${code}; see ${join(folder, `${name}.log`)}`)
  })
  return Promise.race([line, failed])
}

/** SIGTERM, and SIGKILL for what is still there after the grace period. */
export async function end({ process: child, exited }: Running, graceMs = 15_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await exited
  clearTimeout(timer)
}

export async function startCluster(options: ClusterOptions): Promise<TestCluster> {
  const { folder, workers: count = 3, listen = '127.0.0.1:0', workerConfig = {} } = options
  const { mainframeConfig = 'config/mainframe.yaml' } = options
  mkdirSync(folder, { recursive: true })
  const dataFolder = join(folder, 'mainframe')
  let url = listen.endsWith(':0') ? '' : `http://${listen}`

  const bootMainframe = async (): Promise<Running> => {
    const address = url === '' ? listen : new URL(url).host
    const args = [
      'mainframe/src/main.ts',
      '--config',
      mainframeConfig,
      '--listen',
      address,
      '--data-folder',
      dataFolder,
    ]
    const running = start('mainframe', folder, args)
    url = await readUrl(running, folder)
    return running
  }
  const bootWorker = (id: string, checkout = root): Running => {
    const file = join(folder, 'worker.yaml')
    const program = join(checkout, 'worker/src/main.ts')
    return start(id, folder, [program, '--config', file, '--node-id', id])
  }

  let mainframe = await bootMainframe()
  const config = {
    mainframe: { endpoint: url, joinTokenFile: join(dataFolder, 'join.token') },
    dataFolder: join(folder, 'workers'),
    ...workerConfig,
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'worker.yaml'), JSON.stringify(config))
  const workers = new Map<string, Running>()
  for (let i = 1; i <= count; i++) {
    const id = `worker-${String(i).padStart(2, '0')}`
    workers.set(id, bootWorker(id))
  }

  return {
    folder,
    tokenFile: join(dataFolder, 'admin.token'),
    get url() {
      return url
    },
    get mainframe() {
      return mainframe
    },
    get workers() {
      return [...workers.values()]
    },
    async startMainframe() {
      mainframe = await bootMainframe()
    },
    startWorker(id, checkout) {
      const running = bootWorker(id, checkout)
      workers.set(id, running)
      return running
    },
    async stop() {
      await Promise.all([...workers.values()].map((worker) => end(worker)))
      await end(mainframe)
    },
  }
}

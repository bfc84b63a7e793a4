// What `doctor` looks at. Each check is one function that says what it found
// and what to do about it; none changes anything.

import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { VortaError } from '@vorta/core'
import { installed } from './installation.ts'
import type { Io } from './io.ts'
import { withServer } from './server.ts'
import { type Connection, resolveTarget } from './target.ts'
import type { Ui } from './ui.ts'

export type Status = 'PASS' | 'WARN' | 'FAIL' | 'SKIP'

export type Finding = {
  readonly name: string
  readonly status: Status
  readonly detail: string
  readonly remedy?: string
}

type Result = Omit<Finding, 'name'>

/** Runs all checks at once; gives them in a fixed order. */
export async function examine(ui: Ui, connection: Connection): Promise<readonly Finding[]> {
  const results = await Promise.all([
    [named('node', nodeVersion())],
    server(ui, connection),
    [
      named('sgx-enclave', device('/dev/sgx_enclave', 'SGX quotes are SIMULATED')),
      named('sgx-provision', device('/dev/sgx_provision', 'SGX quotes are SIMULATED')),
      named('tdx-guest', device('/dev/tdx_guest', 'not a TDX guest')),
      named('dstack', device('/var/run/dstack.sock', 'not in a dstack confidential VM')),
      named('gramine', program(ui.io, 'gramine-sgx', 'enclaves are SIMULATED')),
      named('docker', docker(ui.io)),
      named('runc', program(ui.io, 'runc', 'container jobs need Docker or runc')),
      named('data-folder', dataFolder()),
    ],
  ])
  return results.flat()
}

const named = (name: string, result: Result): Finding => ({ name, ...result })

function nodeVersion(): Result {
  const major = Number(process.versions.node.split('.')[0])
  return major >= 24
    ? { status: 'PASS', detail: process.version }
    : { status: 'FAIL', detail: process.version, remedy: 'run `make all`: it brings Node 24' }
}

// A receipt's order check allows as much; more than this and times look wrong.
const tolerableSkewMs = 60_000

/** Three findings of one call: reachable, token accepted, clocks agree. */
async function server(ui: Ui, connection: Connection): Promise<readonly Finding[]> {
  const unknown = (detail: string): readonly Finding[] => [
    named('token', { status: 'SKIP', detail }),
    named('clock', { status: 'SKIP', detail }),
  ]
  let date: string | null = null
  try {
    const { endpoint, tokenSource } = await resolveTarget(ui.io, connection)
    const info = await withServer(ui, connection, async ({ cluster }) => {
      const onHeader = (headers: Headers) => {
        date = headers.get('date')
      }
      return cluster.getServerInfo({}, { onHeader, timeoutMs: 5_000 })
    })
    const tier = info.simulatedAccepted ? ', accepts SIMULATED enclaves' : ''
    return [
      named('endpoint', { status: 'PASS', detail: `${endpoint}, version ${info.version}${tier}` }),
      named('token', { status: 'PASS', detail: `accepted (${tokenSource})` }),
      named('clock', clock(ui.io, date)),
    ]
  } catch (thrown) {
    const { code, message, hints } = VortaError.from(thrown)
    const failed: Result = {
      status: 'FAIL',
      detail: message,
      ...(hints[0] === undefined ? {} : { remedy: hints[0] }),
    }
    if (code !== 'UNAUTHENTICATED' && code !== 'PERMISSION_DENIED') {
      return [named('endpoint', failed), ...unknown('no server')]
    }
    return [
      named('endpoint', { status: 'PASS', detail: 'reachable' }),
      named('token', failed),
      named('clock', { status: 'SKIP', detail: 'no answer to compare with' }),
    ]
  }
}

function clock(io: Io, date: string | null): Result {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return { status: 'SKIP', detail: 'the server sends no Date' }
  const skew = io.now() - theirs
  const detail = `${(skew / 1000).toFixed(0)} s from the server's`
  return Math.abs(skew) <= tolerableSkewMs
    ? { status: 'PASS', detail }
    : { status: 'WARN', detail, remedy: 'set the clock, for instance with NTP' }
}

function device(path: string, without: string): Result {
  if (!existsSync(path)) return { status: 'WARN', detail: `no ${path}: ${without}` }
  return isAllowed(path, constants.R_OK | constants.W_OK)
    ? { status: 'PASS', detail: path }
    : {
        status: 'FAIL',
        detail: `${path}: no permission`,
        remedy: `give this user access to ${path}`,
      }
}

function program({ env }: Io, name: string, without: string): Result {
  const path = find(env, name)
  return path === undefined
    ? { status: 'WARN', detail: `no ${name} on PATH: ${without}`, remedy: `install ${name}` }
    : { status: 'PASS', detail: path }
}

function docker({ env }: Io): Result {
  const host = env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  const socket = /^unix:\/\/(.*)$/.exec(host)?.[1]
  if (socket === undefined) return { status: 'PASS', detail: host }
  if (!existsSync(socket)) {
    const remedy = 'start Docker, or use runc'
    return { status: 'WARN', detail: `no ${socket}: container jobs need Docker or runc`, remedy }
  }
  return isAllowed(socket, constants.R_OK | constants.W_OK)
    ? { status: 'PASS', detail: socket }
    : { status: 'WARN', detail: `${socket}: no permission`, remedy: 'join the group docker' }
}

function dataFolder(): Result {
  const folder = installed('data')
  const existing = existsSync(folder) ? folder : dirname(folder)
  return isAllowed(existing, constants.W_OK)
    ? { status: 'PASS', detail: `${folder} is writable` }
    : { status: 'FAIL', detail: `${existing} is not writable`, remedy: 'set dataFolder elsewhere' }
}

const find = (env: Io['env'], name: string): string | undefined =>
  (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path) && isAllowed(path, constants.X_OK))

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false // that is how access says no
  }
}

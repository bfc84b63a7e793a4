// The machine that is looked at: its files below a root folder, which is `/`, or
// the host's file system mounted into a container. Looks and never changes.

import { accessSync, constants, existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import type { Io } from '../io.ts'

export type Machine = {
  readonly root: string
  readonly env: Io['env']
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

// Everything read here is configuration of some KB; /proc/cpuinfo of a large server has more.
const maxFileBytes = 4 * 2 ** 20

/** Path of an absolute path of the machine. */
export const pathOf = ({ root }: Machine, path: string): string => join(root, path)

export const has = (machine: Machine, path: string): boolean => existsSync(pathOf(machine, path))

/** The first of these paths that exists. */
export const firstOf = (machine: Machine, paths: readonly string[]): string | undefined =>
  paths.find((path) => has(machine, path))

/** Text of a file; undefined where it is absent, unreadable or far too large. */
export function read(machine: Machine, path: string): string | undefined {
  try {
    const text = readFileSync(pathOf(machine, path), 'utf8')
    return text.length > maxFileBytes ? undefined : text
  } catch {
    return undefined // a check says what it means that the file cannot be read
  }
}

/** Paths that match a pattern. */
export const glob = (machine: Machine, pattern: string): readonly string[] =>
  globSync(pattern.replace(/^\//, ''), { cwd: machine.root }).map((path) => `/${path}`)

export const canOpen = (machine: Machine, path: string): boolean =>
  isAllowed(pathOf(machine, path), constants.R_OK | constants.W_OK)

/** Path of a program on the machine's PATH. */
export const findProgram = (machine: Machine, name: string): string | undefined =>
  (machine.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => isProgram(pathOf(machine, path)))

const isProgram = (path: string): boolean =>
  isAllowed(path, constants.X_OK) && statSync(path).isFile()

export function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false // that is how access says no
  }
}

export type SocketState = 'answers' | 'denied' | 'silent' | 'absent'

const socketTimeoutMs = 2_000

/** Whether somebody accepts connections on a Unix socket. */
export function socketState(machine: Machine, path: string): Promise<SocketState> {
  if (!has(machine, path)) return Promise.resolve('absent')
  return new Promise((resolve) => {
    const socket = connect(pathOf(machine, path))
    const end = (state: SocketState) => {
      socket.destroy()
      resolve(state)
    }
    socket.setTimeout(socketTimeoutMs, () => end('silent'))
    socket.on('connect', () => end('answers'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      end(code === 'EACCES' || code === 'EPERM' ? 'denied' : 'silent'),
    )
  })
}

// Programs and folders: what Vorta itself needs on this machine.

import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { gramineVersions } from '@vorta/attestation/measurement/gramine/versions'
import { installed } from '../installation.ts'
import { absent, fails, ok, type Result, shownAddress, warn } from './finding.ts'
import { canOpen, findProgram, has, isAllowed, type Machine, pathOf } from './machine.ts'

const run = promisify(execFile)

export function node(): Result {
  const major = Number(process.versions.node.split('.')[0])
  return major >= 24 ? ok(process.version) : fails('NODE_OLD', process.version)
}

const timeoutMs = 5_000

export async function gramine(machine: Machine): Promise<Result> {
  const path = findProgram(machine, 'gramine-sgx')
  if (path === undefined) {
    return absent('GRAMINE_NONE', 'no gramine-sgx on PATH: enclaves are SIMULATED')
  }
  const version = await versionOf(pathOf(machine, path))
  if (version !== undefined && gramineVersions.includes(version)) return ok(`${path}, ${version}`)
  return warn('GRAMINE_VERSION', `${path}: version ${version ?? 'unknown'}`)
}

async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, ['--version'], { timeout: timeoutMs })
    return /^Gramine (\d+\.\d+)/.exec(stdout)?.[1]
  } catch {
    return undefined // a program that does not say its version has none
  }
}

export function docker(machine: Machine): Result {
  const host = machine.env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  const socket = /^unix:\/\/(.*)$/.exec(host)?.[1]
  if (socket === undefined) return ok(shownAddress(host))
  if (!has(machine, socket)) {
    return absent('CONTAINERS_NONE', `no ${socket}: container jobs need Docker or runc`)
  }
  return canOpen(machine, socket) ? ok(socket) : warn('DOCKER_DENIED', `${socket}: no permission`)
}

export function runc(machine: Machine): Result {
  const path = findProgram(machine, 'runc')
  return path === undefined
    ? absent('CONTAINERS_NONE', 'no runc on PATH: container jobs need Docker or runc')
    : ok(path)
}

export function dataFolder(): Result {
  const folder = installed('data')
  const existing = existsSync(folder) ? folder : dirname(folder)
  return isAllowed(existing, constants.W_OK)
    ? ok(`${folder} is writable`)
    : fails('DATA_FOLDER_DENIED', `${existing} is not writable`)
}

// SGX itself: processor, kernel, driver, devices and protected memory.

import { statSync } from 'node:fs'
import { absent, fails, ok, type Result, warn } from './finding.ts'
import { canOpen, firstOf, glob, has, type Machine, pathOf, read } from './machine.ts'

/** Flags of the first processor; empty where the machine does not say. */
export function cpuFlags(machine: Machine): ReadonlySet<string> {
  const line = /^flags\s*:(.*)$/m.exec(read(machine, '/proc/cpuinfo') ?? '')?.[1]
  return new Set(line?.trim().split(/\s+/))
}

export function cpu(machine: Machine): Result {
  const flags = cpuFlags(machine)
  if (!flags.has('sgx')) return absent('SGX_CPU_NONE', 'no SGX: quotes are SIMULATED')
  if (!flags.has('sgx_lc')) return fails('SGX_NO_LAUNCH_CONTROL', 'SGX without launch control')
  return ok(flags.has('sgx2') ? 'SGX2 with launch control' : 'SGX1 with launch control, no EDMM')
}

export function kernel(machine: Machine): Result {
  const release = read(machine, '/proc/sys/kernel/osrelease')?.trim() ?? 'unknown'
  const found = /^(\d+)\.(\d+)/.exec(release)
  const version = Number(found?.[1] ?? 0) * 1000 + Number(found?.[2] ?? 0)
  return version >= 5_011 ? ok(`Linux ${release}`) : warn('SGX_KERNEL_OLD', `Linux ${release}`)
}

export function enclaveDevice(machine: Machine): Result {
  const path = '/dev/sgx_enclave'
  if (has(machine, path)) {
    return canOpen(machine, path) ? ok(path) : fails('SGX_DEVICE_DENIED', describe(machine, path))
  }
  const legacy = firstOf(machine, ['/dev/isgx', '/dev/sgx/enclave'])
  if (legacy !== undefined) return fails('SGX_DEVICE_LEGACY', `${legacy}, no ${path}`)
  return absent('SGX_DEVICE_NONE', `no ${path}: SGX quotes are SIMULATED`)
}

export function provisionDevice(machine: Machine): Result {
  const path = '/dev/sgx_provision'
  if (!has(machine, path)) return absent('SGX_PROVISION_NONE', `no ${path}`)
  return canOpen(machine, path) ? ok(path) : warn('SGX_PROVISION_DENIED', describe(machine, path))
}

const smallEpc = 128 * 2 ** 20

export function epc(machine: Machine): Result {
  if (!cpuFlags(machine).has('sgx')) return absent('SGX_CPU_NONE', 'no SGX, no EPC')
  const sections = glob(machine, '/sys/devices/system/node/node*/x86/sgx_total_bytes')
  const bytes = sections.reduce((sum, path) => sum + Number(read(machine, path)), 0)
  if (!(bytes > 0)) return warn('SGX_EPC_UNKNOWN', 'the kernel does not say how much')
  const text = `${Math.floor(bytes / 2 ** 20)} MiB in ${sections.length} sections`
  return bytes < smallEpc ? warn('SGX_EPC_SMALL', text) : ok(text)
}

/** Who may open it, and who asked. */
function describe(machine: Machine, path: string): string {
  const { mode, gid } = statSync(pathOf(machine, path))
  const group = groupName(machine, gid)
  const me = process.getuid?.()
  return `${path} has mode ${(mode & 0o777).toString(8)} and group ${group}; this is user ${me}`
}

function groupName(machine: Machine, gid: number): string {
  for (const line of (read(machine, '/etc/group') ?? '').split('\n')) {
    const [name, , id] = line.split(':')
    if (name && Number(id) === gid) return name
  }
  return String(gid)
}

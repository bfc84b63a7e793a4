// TDX guests, and dstack's confidential VMs among them.

import { absent, fails, ok, type Result, shownAddress } from './finding.ts'
import { firstOf, has, type Machine, socketState } from './machine.ts'
import { cpuFlags } from './sgx.ts'

const guestDevices = ['/dev/tdx_guest', '/dev/tdx-guest', '/dev/tdx-attest']
const reports = '/sys/kernel/config/tsm/report'

export function tdxGuest(machine: Machine): Result {
  const device = firstOf(machine, guestDevices)
  if (device === undefined && !cpuFlags(machine).has('tdx_guest')) {
    return absent('TDX_NONE', 'not a TDX guest')
  }
  return has(machine, reports)
    ? ok(`${device ?? 'TDX guest'}, quotes from ${reports}`)
    : fails('TDX_NO_QUOTES', `${device ?? 'TDX guest'}, no ${reports}`)
}

// In the order in which the SDK looks for them; the last two are of dstack before 0.5.
const sockets = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
  '/var/run/tappd.sock',
  '/run/tappd.sock',
]

export async function dstack(machine: Machine): Promise<Result> {
  const simulator = machine.env.DSTACK_SIMULATOR_ENDPOINT
  if (simulator) {
    return ok(`SIMULATED: DSTACK_SIMULATOR_ENDPOINT is ${shownAddress(simulator)}`)
  }
  const path = firstOf(machine, sockets)
  if (path === undefined) return absent('DSTACK_NONE', 'not in a dstack confidential VM')
  return (await socketState(machine, path)) === 'answers'
    ? ok(path)
    : fails('DSTACK_STOPPED', `${path}: nothing answers`)
}

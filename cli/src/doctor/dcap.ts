// What stands between an enclave and its quote: AESM, the quote provider
// library and where that gets PCK certificates.

import { VortaError } from '@vorta/core'
import { absent, fails, ok, type Result, shownAddress } from './finding.ts'
import { firstOf, has, type Machine, read, socketState } from './machine.ts'
import { parseQcnl, type QcnlConfig } from './qcnl.ts'

// The second is the same place where /var/run is a link that leads out of a mounted root.
const aesmSockets = ['/var/run/aesmd/aesm.socket', '/run/aesmd/aesm.socket']
const aesmFiles = [
  '/opt/intel/sgx-aesm-service/aesm/aesm_service',
  '/lib/systemd/system/aesmd.service',
  '/usr/lib/systemd/system/aesmd.service',
]

export async function aesm(machine: Machine): Promise<Result> {
  const aesmSocket = firstOf(machine, aesmSockets) ?? aesmSockets[0]!
  const state = await socketState(machine, aesmSocket)
  if (state === 'answers') return ok(aesmSocket)
  if (state === 'denied') return fails('AESM_DENIED', `${aesmSocket}: no permission`)
  const installed = firstOf(machine, aesmFiles)
  if (state === 'silent') return fails('AESM_STOPPED', `${aesmSocket}: nothing answers`)
  return installed === undefined
    ? absent('AESM_NONE', `no ${aesmSocket}`)
    : fails('AESM_STOPPED', `${installed} is here, and no ${aesmSocket}`)
}

const providers = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib/x86_64-linux-gnu']

export function quoteProvider(machine: Machine): Result {
  const path = firstOf(
    machine,
    providers.map((folder) => `${folder}/libdcap_quoteprov.so.1`),
  )
  return path === undefined ? absent('QPL_NONE', 'no libdcap_quoteprov.so.1') : ok(path)
}

const qcnlPath = '/etc/sgx_default_qcnl.conf'

/** The finding, and the configuration where it can be read. */
export function qcnl(machine: Machine): { readonly result: Result; readonly config?: QcnlConfig } {
  const text = read(machine, qcnlPath)
  if (text === undefined) {
    return {
      result: has(machine, qcnlPath)
        ? fails('QCNL_INVALID', `${qcnlPath}: cannot be read`)
        : absent('QCNL_NONE', `no ${qcnlPath}`),
    }
  }
  try {
    const config = parseQcnl(text)
    return { result: ok(`${qcnlPath}: ${shownAddress(config.pccsUrl.href)}`), config }
  } catch (thrown) {
    return { result: fails('QCNL_INVALID', `${qcnlPath}: ${VortaError.from(thrown).message}`) }
  }
}

// The TDX module is an enclave of its own between platform and TD (Intel TDX
// module ABI, TEE_TCB_SVN): byte 1 is its major version, byte 0 the version
// within that. Major version 0 is judged together with the platform.

import { refuse } from './errors.ts'
import type { EnclaveLevel } from './judged-levels.ts'
import type { TcbInfo, TdxModuleIdentity } from './tcb-info.ts'
import type { TdReport } from './td-report.ts'

export const majorVersionOf = (svns: readonly number[]): number => svns[1] ?? 0

export const identityOf = (info: TcbInfo, major: number): TdxModuleIdentity | undefined =>
  info.tdxModuleIdentities.find(
    ({ id }) => id === `TDX_${major.toString(16).padStart(2, '0').toUpperCase()}`,
  )

/** Refuses a TD under a module that Intel did not sign, or one set up for debugging. */
export function checkTdxModule(info: TcbInfo, td: TdReport): void {
  const major = majorVersionOf(td.teeTcbSvn)
  const expected = major === 0 ? info.tdxModule : identityOf(info, major)
  if (!expected) {
    throw refuse('TDX_MODULE_MISMATCH', `TDX module: the TCB info has no major version ${major}`)
  }
  if (td.mrSignerSeam !== expected.mrsigner) {
    throw refuse('TDX_MODULE_MISMATCH', `TDX module: not signed by ${expected.mrsigner}`)
  }
  // Attributes other than zero are a debug module, whatever the TCB info says.
  if (td.seamAttributes !== expected.attributes || !/^0+$/.test(td.seamAttributes)) {
    throw refuse('TDX_MODULE_MISMATCH', `TDX module: attributes ${td.seamAttributes} are not zero`)
  }
}

/** The highest level that the module reaches; undefined where the platform's level covers it. */
export function matchModuleLevel(info: TcbInfo, svns: readonly number[]): EnclaveLevel | undefined {
  const major = majorVersionOf(svns)
  if (major === 0) return undefined
  const level = identityOf(info, major)?.levels.find(({ isvSvn }) => isvSvn <= (svns[0] ?? 0))
  if (!level) {
    throw refuse('TCB_NOT_SUPPORTED', `TDX module: no level of the TCB info fits ${svns.join('.')}`)
  }
  return level
}

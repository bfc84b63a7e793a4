// TCB statuses and how they are combined (Intel SGX/TDX DCAP Quote Verification
// Library: TCB status convergence, and the rule for relaunching a TD).

/** What Intel says about a platform at this patch level. */
export const platformTcbStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type PlatformTcbStatus = (typeof platformTcbStatuses)[number]

/** What is said about a quote. The last two: the TD was launched before an update that runs now. */
export const tcbStatuses = [
  ...platformTcbStatuses,
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
] as const
export type TcbStatus = (typeof tcbStatuses)[number]

/** What Intel says about a quoting enclave or a TDX module. */
export const enclaveTcbStatuses = ['UpToDate', 'OutOfDate', 'Revoked'] as const
export type EnclaveTcbStatus = (typeof enclaveTcbStatuses)[number]

const needsConfiguration = (status: PlatformTcbStatus): boolean => status.includes('Configuration')

/**
 * The status of a platform one of whose enclaves has a status of its own. Not
 * the maximum of the two: an old quoting enclave must not hide that the
 * platform also needs configuration.
 */
export function converge(
  platform: PlatformTcbStatus,
  enclave: EnclaveTcbStatus,
): PlatformTcbStatus {
  if (platform === 'Revoked' || enclave === 'Revoked') return 'Revoked'
  if (enclave === 'UpToDate') return platform
  return needsConfiguration(platform) ? 'OutOfDateConfigurationNeeded' : 'OutOfDate'
}

/**
 * The status of a TD from the TCB it was launched under and the one that runs
 * now: where the platform has been updated since, the TD has to be launched
 * again to profit from it.
 */
export function advise(launch: PlatformTcbStatus, current: PlatformTcbStatus): TcbStatus {
  const wasOld = launch === 'OutOfDate' || launch === 'OutOfDateConfigurationNeeded'
  const isOld = current.startsWith('OutOfDate') || current === 'Revoked'
  if (!wasOld || isOld) return launch
  return needsConfiguration(launch) || needsConfiguration(current)
    ? 'TDRelaunchAdvisedConfigurationNeeded'
    : 'TDRelaunchAdvised'
}

// TCB statuses and how two of them are combined (Intel SGX/TDX DCAP Quote
// Verification Library, TCB status convergence).

/** What Intel says about a platform at this patch level. */
export const tcbStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type TcbStatus = (typeof tcbStatuses)[number]

/** What Intel says about a quoting enclave. */
export const enclaveTcbStatuses = ['UpToDate', 'OutOfDate', 'Revoked'] as const
export type EnclaveTcbStatus = (typeof enclaveTcbStatuses)[number]

/**
 * The status of a platform whose quoting enclave has a status of its own. Not
 * the maximum of the two: an old quoting enclave must not hide that the
 * platform also needs configuration.
 */
export function converge(platform: TcbStatus, enclave: EnclaveTcbStatus): TcbStatus {
  if (platform === 'Revoked' || enclave === 'Revoked') return 'Revoked'
  if (enclave === 'UpToDate') return platform
  const needsConfiguration =
    platform === 'ConfigurationNeeded' ||
    platform === 'ConfigurationAndSWHardeningNeeded' ||
    platform === 'OutOfDateConfigurationNeeded'
  return needsConfiguration ? 'OutOfDateConfigurationNeeded' : 'OutOfDate'
}

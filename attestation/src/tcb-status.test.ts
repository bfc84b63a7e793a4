import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  advise,
  converge,
  type EnclaveTcbStatus,
  type PlatformTcbStatus,
  platformTcbStatuses,
} from './tcb-status.ts'

// Rows as Intel's Quote Verification Library answers: platform, then the result
// for a quoting enclave that is UpToDate, OutOfDate and Revoked.
const table: readonly (readonly [
  PlatformTcbStatus,
  PlatformTcbStatus,
  PlatformTcbStatus,
  PlatformTcbStatus,
])[] = [
  ['UpToDate', 'UpToDate', 'OutOfDate', 'Revoked'],
  ['SWHardeningNeeded', 'SWHardeningNeeded', 'OutOfDate', 'Revoked'],
  ['ConfigurationNeeded', 'ConfigurationNeeded', 'OutOfDateConfigurationNeeded', 'Revoked'],
  [
    'ConfigurationAndSWHardeningNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'OutOfDateConfigurationNeeded',
    'Revoked',
  ],
  ['OutOfDate', 'OutOfDate', 'OutOfDate', 'Revoked'],
  [
    'OutOfDateConfigurationNeeded',
    'OutOfDateConfigurationNeeded',
    'OutOfDateConfigurationNeeded',
    'Revoked',
  ],
  ['Revoked', 'Revoked', 'Revoked', 'Revoked'],
]

test('combines platform and quoting enclave as Intel does, in all 21 pairs', () => {
  const enclaves: readonly EnclaveTcbStatus[] = ['UpToDate', 'OutOfDate', 'Revoked']
  for (const [platform, ...results] of table) {
    for (const [i, enclave] of enclaves.entries()) {
      assert.equal(converge(platform, enclave), results[i], `${platform} with QE ${enclave}`)
    }
  }
})

test('advises a relaunch exactly where the TCB is good now and was out of date at launch', () => {
  const good = [
    'UpToDate',
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
  ]
  for (const launch of platformTcbStatuses) {
    for (const current of platformTcbStatuses) {
      const advised = launch.startsWith('OutOfDate') && good.includes(current)
      const configuration = /Configuration/.test(launch + current) ? 'ConfigurationNeeded' : ''
      assert.equal(
        advise(launch, current),
        advised ? `TDRelaunchAdvised${configuration}` : launch,
        `${launch}, now ${current}`,
      )
    }
  }
})

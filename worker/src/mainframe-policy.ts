// What this worker demands of its mainframe, from the configuration: nothing, or
// a mainframe that proves in its certificate that it runs in an enclave.

import { policyDecoder } from '@vorta/attestation'
import { collateralDecoder } from '@vorta/attestation/collateral'
import { httpGet } from '@vorta/attestation/collateral-service/http'
import { fail, parseJson } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'
import { decode } from '@vorta/core/decode'
import type { MainframePolicy } from './channel.ts'
import type { WorkerConfig } from './config.ts'

/** The mainframe hands out the collateral for its own quote; it is not believed, it is verified. */
export const collateralPath = '/attestation/collateral'
/** TCB info, QE identity, two CRLs and the chains: 60 KiB, and room for growth. */
const maxCollateralBytes = 4 * 1024 * 1024

/** Undefined where nothing is demanded. Throws CONFIG_INVALID for a policy that is none. */
export function openMainframePolicy(
  { endpoint, policyFile }: WorkerConfig['mainframe'],
  ca: string | undefined,
): MainframePolicy | undefined {
  if (policyFile === undefined) return undefined
  const limits = {
    timeoutMs: 10_000,
    maxBytes: maxCollateralBytes,
    ...(ca !== undefined && { ca }),
  }
  return {
    policy: loadConfig(policyFile, policyDecoder),
    collateral: async () => {
      const url = new URL(collateralPath, endpoint)
      const { status, body } = await httpGet(url, limits)
      if (status !== 200) throw unusable(`it answered ${status}`)
      const json = parseJson(body, { maxBytes: maxCollateralBytes })
      return decode(collateralDecoder, json, unusable)
    },
  }
}

const unusable = (why: string) =>
  fail('COLLATERAL_UNAVAILABLE', `collateral of the mainframe: ${why}`, {
    hints: ['mainframe.policyFile demands a mainframe that runs in an enclave itself'],
  })

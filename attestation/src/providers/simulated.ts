// Quotes without hardware, for machines that have none. See simulated/keys.ts
// for why these prove nothing, on purpose.

import { toHex } from '@vorta/core'
import { simulatedPlatform } from '../simulated/platform.ts'
import { checkReportData, type QuoteProvider } from './quote-provider.ts'

export type SimulatedProviderOptions = {
  /** 16 bytes, stable for a host. */
  readonly platformId: Uint8Array
  /** What runs in the enclave, 32 bytes: see measurement/files.ts. */
  readonly measurement: Uint8Array
  /** Milliseconds; read once, when the platform is certified. */
  readonly now: () => number
  readonly debug?: boolean
  readonly mrsigner?: Uint8Array
  readonly isvProdId?: number
  readonly isvSvn?: number
  /** 16 patch levels of the platform. */
  readonly componentSvns?: readonly number[]
}

export function simulatedQuoteProvider(options: SimulatedProviderOptions): QuoteProvider {
  const { platformId, now, componentSvns, ...enclave } = options
  const platform = simulatedPlatform({
    platformId,
    now: now(),
    ...(componentSvns && { componentSvns }),
  })
  return {
    tee: 'simulated',
    measurement: toHex(options.measurement),
    description: 'SIMULATED SGX platform: quotes prove nothing about hardware',
    quote: async (reportData) => {
      checkReportData(reportData)
      return { quote: platform.quote({ ...enclave, reportData }) }
    },
  }
}

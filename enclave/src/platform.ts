// The platform underneath the enclave: who makes its quotes and what its
// measurement is. The one place that knows kinds of hardware.

import { measureProgram } from '@vorta/attestation/measurement/files'
import type { QuoteProvider } from '@vorta/attestation/providers/quote-provider'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { type Bytes, type Clock, fail, fromHex } from '@vorta/core'
import type { StartParams } from './protocol.ts'

export type Platform = { readonly provider: QuoteProvider; readonly measurement: Bytes }

/** Throws ENCLAVE_FAILED where this machine cannot be what the host says it is. */
export function openPlatform(config: StartParams, entry: string, clock: Clock): Platform {
  const platformId = fromHex(config.platformId) as Bytes // the decoder saw to it
  try {
    const { measurement } = measureProgram(entry)
    const provider = simulatedQuoteProvider({ platformId, measurement, now: clock.now })
    return { provider, measurement }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw fail('ENCLAVE_FAILED', `quote provider "${config.tee}" cannot be made: ${why}`, { cause })
  }
}

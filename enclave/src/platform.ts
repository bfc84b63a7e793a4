// The platform underneath the enclave: who makes its quotes. The one place that
// knows kinds of hardware, besides dstack.ts.

import { measureProgram } from '@vorta/attestation/measurement/files'
import { openGramineProvider } from '@vorta/attestation/providers/gramine'
import type { QuoteProvider } from '@vorta/attestation/providers/quote-provider'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { type Bytes, type Clock, fail, fromHex } from '@vorta/core'
import type { StartParams } from './protocol.ts'

/** Rejects where this machine cannot be what the host says it is. */
export type OpenPlatform = (
  params: StartParams,
  program: {
    /** Absolute path of the program's entry file: what is measured. */
    readonly entry: string
    readonly clock: Clock
  },
) => Promise<QuoteProvider>

/** The processor's enclaves, and the simulation of them. */
export const openPlatform: OpenPlatform = async ({ tee, platformId }, { entry, clock }) => {
  if (tee === 'gramine') return openGramineProvider()
  if (tee === 'dstack') throw fail('ENCLAVE_FAILED', 'start: this program is not for dstack')
  return simulatedQuoteProvider({
    platformId: fromHex(platformId ?? '') as Bytes, // the decoder saw to it
    measurement: measureProgram(entry).measurement,
    now: clock.now,
  })
}

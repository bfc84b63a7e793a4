// The collateral for the quote in the mainframe's own certificate, for workers
// that verify it. It needs no token: it is public, and nobody believes it unverified.

import type { Collateral } from '@vorta/attestation'
import { type PlainRoute, text } from '@vorta/core/server/plain-routes'
import type { OwnIdentity } from '../attestation/own-certificate.ts'

export const collateralRoute =
  (
    identity: () => Promise<OwnIdentity>,
    collateral: (quote: Uint8Array) => Promise<Collateral>,
  ): PlainRoute =>
  async ({ path }) => {
    if (path !== '/attestation/collateral') return undefined
    const { quote } = await identity()
    if (!quote) return text(404, 'this mainframe does not run in an enclave\n')
    const body = JSON.stringify(await collateral(quote))
    return { status: 200, type: 'application/json', body }
  }

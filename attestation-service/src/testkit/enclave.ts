// A simulated enclave without a process: evidence and quotes as a test bids it.

import { generateKeyPairSync } from 'node:crypto'
import {
  type EnclaveKeyClaims,
  type Evidence,
  enclaveKeyPurpose,
  policyDecoder,
  reportDataOf,
} from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import { own, toBase64, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'

export const measurement = new Uint8Array(32).fill(0x5a)

/** A policy that accepts the enclaves of these tests. */
export const accepting = policyDecoder({
  simulated: true,
  measurements: { mrenclave: [toHex(measurement)] },
})

export function testEnclave(now: number) {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = own(publicKey.export({ type: 'spki', format: 'der' }))
  const platform = simulatedPlatform({ platformId: new Uint8Array(16).fill(3), now })
  const collateral = simulatedCollateral(now)
  const claimsFor = (nonce: Uint8Array): EnclaveKeyClaims => ({
    purpose: enclaveKeyPurpose,
    spki: toBase64(spki),
    nonce: toHex(nonce),
  })
  const quote = (reportData: Uint8Array) => platform.quote({ measurement, reportData })
  return {
    spki,
    collateral,
    claimsFor,
    quote,
    evidence: (nonce: Uint8Array = new Uint8Array(32)): Evidence => {
      const claims = claimsFor(nonce)
      const bound = quote(reportDataOf(nodeCrypto, claims))
      return { tee: 'simulated', claims, quote: toBase64(bound), collateral }
    },
  }
}

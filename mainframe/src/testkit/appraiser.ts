// The appraiser of the attestation service with one policy, and nothing kept.

import type { AttestationPolicy } from '@vorta/attestation'
import { simulatedSource } from '@vorta/attestation/collateral-service/sources'
import { createAppraiser, createPolicies } from '@vorta/attestation-service'
import type { Clock } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { Appraiser } from '../attestation/appraiser.ts'

export function testAppraiser(policy: AttestationPolicy, clock: Clock): Appraiser {
  const appraiser = createAppraiser({
    crypto: nodeCrypto,
    clock,
    collateral: simulatedSource(clock),
  })
  const named = createPolicies(nodeCrypto, { default: policy }).get('')
  return {
    appraise: async (evidence, nonce) => {
      const presented = { kind: 'evidence', evidence } as const
      const { finding, ...rest } = await appraiser.appraise(presented, named, nonce)
      return { ...rest, appraisal: { ...finding, id: 'a1', policy: 'default', policyId: named.id } }
    },
  }
}

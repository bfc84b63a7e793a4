// What the service does while it has no room.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import type { Collateral } from '@vorta/attestation'
import { fromBase64, own, systemClock, systemRandom, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { Registry } from 'prom-client'
import { createAppraiser } from './appraiser.ts'
import { createChallenges } from './challenges.ts'
import { createServiceMetrics } from './metrics.ts'
import { createPolicies } from './policies.ts'
import { createAppraisalService } from './service.ts'
import { openSigningKey } from './signing-key.ts'
import { openAppraisalStore } from './store/appraisal-store.ts'
import { accepting, testEnclave } from './testkit/enclave.ts'
import { temporaryFolder } from './testkit/server.ts'

test('a challenge is not used up by an answer that there is no room for', async (t) => {
  const folder = temporaryFolder()
  t.after(() => rmSync(folder, { recursive: true }))
  const base = { crypto: nodeCrypto, clock: systemClock, random: systemRandom }
  const collateral = Promise.withResolvers<Collateral>()
  const service = createAppraisalService(
    { verifierId: { developer: 'test', build: 'test' }, resultTtlMs: 1000, mostUnderWay: 1 },
    {
      ...base,
      appraiser: createAppraiser({ ...base, collateral: () => collateral.promise }),
      policies: createPolicies(nodeCrypto, { default: accepting }),
      challenges: createChallenges({ ttlMs: 60_000, most: 9 }, systemClock, systemRandom),
      key: await openSigningKey(folder),
      store: openAppraisalStore(':memory:', 1000),
      metrics: createServiceMetrics(new Registry()),
    },
  )
  t.after(() => service.store.close())
  const enclave = testEnclave(Date.now())
  const { nonce } = service.challenge()
  const evidence = enclave.evidence(nonce)
  const waiting = service.answer({
    presented: {
      kind: 'quote',
      quote: own(fromBase64(evidence.quote)!),
      binding: { kind: 'claims', claims: evidence.claims },
    },
    policy: '',
  })
  const answering = {
    presented: { kind: 'evidence', evidence },
    policy: '',
    nonce: toHex(nonce),
  } as const
  await assert.rejects(service.answer(answering), { code: 'OVERLOADED' })
  collateral.resolve(enclave.collateral)
  await waiting
  assert.equal((await service.answer(answering)).appraisal.accepted, true)
})

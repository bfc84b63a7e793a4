import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBase64, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { simulatedAnchor } from './anchors.ts'
import { reportDataOf } from './claims.ts'
import type { QuoteFault } from './errors.ts'
import {
  type MainframeClaims,
  type MainframeEvidence,
  mainframePurpose,
  verifyMainframeEvidence,
} from './mainframe-evidence.ts'
import { simulatedCollateral } from './simulated/collateral.ts'
import { createGuest } from './testkit/dstack-guest.ts'

const now = Date.UTC(2026, 5, 1)
const guest = createGuest({ appCompose: utf8('{"name":"mainframe"}'), now })
const collateral = simulatedCollateral(now, { tee: 'tdx' })
const nonce = 'ab'.repeat(32)
const tls = 'cd'.repeat(32)
const claims: MainframeClaims = {
  purpose: mainframePurpose,
  log: 'log.test+00000000+AA',
  tls,
  nonce,
}

function evidenceOf(about: MainframeClaims): MainframeEvidence {
  const { quote, eventLog } = guest.quote(reportDataOf(nodeCrypto, about))
  return { tee: 'simulated', claims: about, quote: toBase64(quote), collateral, eventLog }
}
const evidence = evidenceOf(claims)
const options = { anchors: [simulatedAnchor], now, nonce, tls }

const refuses = (
  given: MainframeEvidence,
  code: QuoteFault,
  expected: Parameters<typeof verifyMainframeEvidence>[2] = options,
) =>
  assert.rejects(verifyMainframeEvidence(nodeCrypto, given, expected), (error) => {
    assert.ok(error instanceof VerificationError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })

test('names the keys of a mainframe and what runs in its guest', async () => {
  const verified = await verifyMainframeEvidence(nodeCrypto, evidence, options)
  assert.deepEqual(verified.claims, claims)
  assert.deepEqual(verified.dstack, guest.identity)
  assert.equal(verified.quote.simulated, true)
})

test('refuses claims that the quote does not bind', async () => {
  for (const change of [{ log: 'other+00000000+AA' }, { tls: '00'.repeat(32) }]) {
    await refuses({ ...evidence, claims: { ...claims, ...change } }, 'REPORT_DATA_MISMATCH')
  }
})

test('refuses the answer to another challenge', async () => {
  await refuses(evidence, 'NONCE_MISMATCH', { ...options, nonce: '00'.repeat(32) })
})

test('refuses another TLS key than that of the connection, and TLS where there should be none', async () => {
  await refuses(evidence, 'MAINFRAME_TLS_MISMATCH', { ...options, tls: '00'.repeat(32) })
  const { tls: _, ...clear } = options
  await refuses(evidence, 'MAINFRAME_TLS_MISMATCH', clear)
  const { tls: __, ...without } = claims
  await refuses(evidenceOf(without), 'MAINFRAME_TLS_MISMATCH')
  assert.ok(await verifyMainframeEvidence(nodeCrypto, evidenceOf(without), clear))
})

test('refuses evidence about an enclave key, and any field it does not know', async () => {
  const purpose = 'vorta.org/enclave-key/v1' as unknown as MainframeClaims['purpose']
  await refuses({ ...evidence, claims: { ...claims, purpose } }, 'EVIDENCE_FORMAT')
  await refuses({ ...evidence, more: 1 } as MainframeEvidence, 'EVIDENCE_FORMAT')
  await refuses(null as unknown as MainframeEvidence, 'EVIDENCE_FORMAT')
})

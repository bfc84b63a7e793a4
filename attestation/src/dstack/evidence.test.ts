// Evidence of a dstack guest as a receipt carries it: quote, event log and claims.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeP256Spki, toBase64, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { simulatedAnchor } from '../anchors.ts'
import { type EnclaveKeyClaims, enclaveKeyPurpose, reportDataOf } from '../claims.ts'
import { type Evidence, verifyEvidence } from '../evidence.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { simulatedKey } from '../simulated/keys.ts'
import { simulatedPlatform } from '../simulated/platform.ts'
import { createGuest } from '../testkit/dstack-guest.ts'

const now = Date.UTC(2026, 5, 1)
const nonce = 'ab'.repeat(32)
const spki = toBase64(encodeP256Spki(simulatedKey('some enclave').publicKey))
const claims: EnclaveKeyClaims = { purpose: enclaveKeyPurpose, spki, nonce }
const guest = createGuest({ appCompose: utf8('{"name":"worker"}'), now })
const collateral = simulatedCollateral(now, { tee: 'tdx' })

const fresh = guest.quote(reportDataOf(nodeCrypto, claims))
const evidence: Evidence = {
  tee: 'simulated',
  claims,
  quote: toBase64(fresh.quote),
  collateral,
  eventLog: fresh.eventLog,
}
const verify = (changes: Partial<Evidence> = {}) =>
  verifyEvidence(
    nodeCrypto,
    { ...evidence, ...changes },
    { anchors: [simulatedAnchor], now, nonce },
  )

test('names the key, the guest and its application', async () => {
  const { quote, dstack, spki: bound } = await verify()
  assert.ok(quote.tee === 'tdx' && quote.simulated)
  assert.equal(quote.td.mrtd, guest.mrtd)
  assert.deepEqual(dstack, guest.identity)
  assert.equal(toBase64(bound), spki)
})

test('says nothing of an application without an event log', async () => {
  const { eventLog, ...bare } = evidence
  assert.ok(eventLog)
  const verified = await verifyEvidence(nodeCrypto, bare, { anchors: [simulatedAnchor], now })
  assert.equal('dstack' in verified, false)
})

test('refuses the event log of another guest, and of an earlier quote of this one', async () => {
  const other = createGuest({ appCompose: utf8('{"name":"other"}'), now })
  const { eventLog } = other.quote(new Uint8Array(64))
  await assert.rejects(verify({ eventLog }), { code: 'EVENT_LOG_MISMATCH' })
  const later = createGuest({ appCompose: utf8('{"name":"worker"}'), now })
  later.emit('deployed', utf8('yes'))
  const quote = toBase64(later.quote(reportDataOf(nodeCrypto, claims)).quote)
  await assert.rejects(verify({ quote }), { code: 'EVENT_LOG_MISMATCH' })
})

test('refuses a guest that MRCONFIGID gives another application', async () => {
  const mrConfigId = new Uint8Array(48).fill(1)
  const liar = createGuest({ appCompose: utf8('{"name":"worker"}'), now, td: { mrConfigId } })
  const { quote, eventLog } = liar.quote(reportDataOf(nodeCrypto, claims))
  await assert.rejects(verify({ quote: toBase64(quote), eventLog }), { code: 'MR_CONFIG_MISMATCH' })
})

test('refuses an event log beside a quote of SGX', async () => {
  const platform = simulatedPlatform({ platformId: new Uint8Array(16), now })
  const reportData = reportDataOf(nodeCrypto, claims)
  const quote = toBase64(platform.quote({ measurement: new Uint8Array(32), reportData }))
  const changes = { quote, collateral: simulatedCollateral(now) }
  await assert.rejects(verify(changes), { code: 'EVENT_LOG_FORMAT' })
})

test('refuses a simulated guest that calls itself TDX', async () => {
  await assert.rejects(verify({ tee: 'tdx' }), { code: 'TEE_MISMATCH' })
})

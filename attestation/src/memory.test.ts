// What a verifier remembers must never change an answer, only its cost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Crypto } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  collateral,
  day,
  flipped,
  measurement,
  now,
  platformId,
  quote,
  reportData,
  tdCollateral,
  tdQuote,
} from '../test/fixture.ts'
import { simulatedAnchor, type TrustAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { Lru } from './lru.ts'
import { Memory } from './memory.ts'
import { simulatedCollateral } from './simulated/collateral.ts'
import { simulatedKey } from './simulated/keys.ts'
import { simulatedPlatform } from './simulated/platform.ts'
import { verifyQuote } from './verify-quote.ts'

/** Counts signatures, which is what remembering is to save. */
function counting(memory: Memory) {
  let count = 0
  const crypto: Crypto = {
    ...nodeCrypto,
    verifyP256: (key, data, signature) => {
      count++
      return nodeCrypto.verifyP256(key, data, signature)
    },
  }
  type Given = {
    readonly quote?: Uint8Array
    readonly collateral?: Collateral
    readonly now?: number
  }
  const verify = (given: Given = {}, anchors: readonly TrustAnchor[] = [simulatedAnchor]) =>
    verifyQuote(crypto, given.quote ?? quote, given.collateral ?? collateral, {
      anchors,
      now: given.now ?? now,
      memory,
    })
  /** How many signatures this took. */
  const cost = async (given: Given = {}, anchors?: readonly TrustAnchor[]) => {
    const before = count
    await verify(given, anchors).catch(() => undefined)
    return count - before
  }
  return { verify, cost }
}

/** Quotes of four platforms. */
const quotes = [1, 2, 3, 4].map((fill) =>
  simulatedPlatform({ platformId: new Uint8Array(16).fill(fill), now }).quote({
    measurement,
    reportData,
  }),
)
const [one, two, three] = quotes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]

// Root certificates in chains are verified too, although nothing rests on them.
const cold = 10

test('verifies a known attestation key with one signature, and answers the same', async () => {
  const { verify, cost } = counting(new Memory())
  const first = await verify()
  assert.deepEqual(await verify(), first)
  assert.equal(await cost(), 1)
  assert.equal(await counting(new Memory()).cost(), cold)
})

test('verifies a new attestation key with two more, and a new platform with three', async () => {
  const { cost } = counting(new Memory())
  assert.equal(await cost({ quote: one }), cold)
  assert.equal(await cost({ quote: two }), 3, 'new PCK certificate, QE report, quote')
  assert.equal(await cost({ quote: one }), 1, 'all known')
  // As if the quoting enclave had made a new key, all above it being known.
  const keyless = counting(new Memory({ collaterals: 9, certificates: 9, attestationKeys: 0 }))
  assert.equal(await keyless.cost(), cold)
  assert.equal(await keyless.cost(), 2, 'QE report, quote')
})

test('remembers SGX and TDX beside each other', async () => {
  const { verify, cost } = counting(new Memory())
  for (let round = 0; round < 2; round++) {
    assert.equal((await verify()).tee, 'sgx')
    assert.equal((await verify({ quote: tdQuote, collateral: tdCollateral })).tee, 'tdx')
  }
  assert.equal(await cost(), 1)
  assert.equal(await cost({ quote: tdQuote, collateral: tdCollateral }), 1)
})

test('asks for the time anew, with the code of what ran out first', async () => {
  const { verify } = counting(new Memory())
  await verify()
  await assert.rejects(verify({ now: now + 31 * day }), { code: 'CRL_EXPIRED' })
  await assert.rejects(verify({ now: now - day / 2 }), { code: 'CRL_NOT_YET_VALID' })
  await assert.rejects(verify({ now: Number.NaN }), { code: 'CRL_NOT_YET_VALID' })
  await verify()
})

test('does not reuse a verdict where a CRL or TCB info is another', async () => {
  const { verify } = counting(new Memory())
  assert.equal((await verify()).status, 'UpToDate')
  const revoking = simulatedCollateral(now, { revokedPlatforms: [platformId] })
  await assert.rejects(verify({ collateral: { ...collateral, pck_crl: revoking.pck_crl } }), {
    code: 'PCK_REVOKED',
  })
  const { tcb_info, tcb_info_signature } = simulatedCollateral(now, { tcbStatus: 'Revoked' })
  const newer = { ...collateral, tcb_info, tcb_info_signature }
  assert.equal((await verify({ collateral: newer })).status, 'Revoked')
  assert.equal((await verify()).status, 'UpToDate')
})

test('keeps nothing of a verification that failed', async () => {
  const memory = new Memory()
  const { cost, verify } = counting(memory)
  const lastByte = flipped(quote, 436) // its own signature
  await assert.rejects(verify({ quote: lastByte }), { code: 'QUOTE_SIGNATURE' })
  const sizes = [memory.collaterals, memory.certificates, memory.endorsements].map(
    ({ size }) => size,
  )
  assert.deepEqual(sizes, [0, 0, 0])
  assert.equal(await cost(), cold, 'as if nothing had been before')
})

test('is not fooled by what only resembles what it knows', async () => {
  const { verify } = counting(new Memory())
  const known = await verify()
  // All of these find an entry and differ from it somewhere else.
  const parts = Object.keys(collateral) as (keyof Collateral)[]
  for (const part of parts) {
    const text = collateral[part]!
    for (const at of [0, text.length >> 1]) {
      const other = text[at] === '0' ? '1' : '0'
      const spoiled = text.slice(0, at) + other + text.slice(at + 1)
      await assert.rejects(verify({ collateral: { ...collateral, [part]: spoiled } }), part)
    }
  }
  // The same attestation key with a QE report signature that is another one.
  for (const at of [600, 950, 1015, 1100]) {
    await assert.rejects(verify({ quote: flipped(quote, at) }), `offset ${at}`)
  }
  await assert.rejects(verify({ collateral: { ...collateral, extra: 1 } as Collateral }), {
    code: 'COLLATERAL_FORMAT',
  })
  await assert.rejects(
    verify({ collateral: { ...collateral, pck_certificate_chain: 'x'.repeat(40_000) } }),
    { code: 'COLLATERAL_FORMAT' },
  )
  assert.deepEqual(await verify(), known)
})

test('asks every anchor anew: what one proves is nothing to another', async () => {
  const { verify } = counting(new Memory())
  await verify()
  const other = { ...simulatedAnchor, key: simulatedKey('somebody else').publicKey }
  await assert.rejects(verify({}, [other]), { code: 'CRL_SIGNATURE' })
  await assert.rejects(verify({}, []), { code: 'UNTRUSTED_ROOT' })
  const renamed = { ...simulatedAnchor, name: 'another name' }
  assert.equal((await verify({}, [renamed])).anchor.name, 'another name')
})

test('stays within its limits, and forgets what was not used for the longest time', async () => {
  const memory = new Memory({ collaterals: 1, certificates: 4, attestationKeys: 2 })
  const { cost } = counting(memory)
  for (const next of [one, two, three, two]) await cost({ quote: next })
  assert.equal(await cost({ quote: three }), 1, 'used not long ago')
  assert.ok((await cost({ quote: one })) > 1, 'forgotten')
  await cost({ quote: tdQuote, collateral: tdCollateral })
  assert.ok((await cost({ quote: one })) > 1, 'other collateral is remembered instead')
  const { collaterals, certificates, endorsements } = memory
  assert.ok(collaterals.size <= 1 && certificates.size <= 4 && endorsements.size <= 2)
})

test('remembers nothing where nothing is to be remembered', async () => {
  const { cost } = counting(new Memory({ collaterals: 0, certificates: 0, attestationKeys: 0 }))
  assert.equal(await cost(), cold)
  assert.equal(await cost(), cold)
})

test('an LRU map drops the entry that was not asked for', () => {
  const lru = new Lru<number>(2)
  lru.set('a', 1)
  lru.set('b', 2)
  assert.equal(lru.get('a'), 1)
  lru.set('c', 3)
  assert.deepEqual([lru.get('a'), lru.get('b'), lru.get('c'), lru.size], [1, undefined, 3, 2])
  lru.set('c', 4)
  assert.deepEqual([lru.get('a'), lru.get('c')], [1, 4])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dstack, sgxQuote, td, tdQuote } from '../../test/judging.ts'
import { claimsOf } from './claims.ts'

const quote = await sgxQuote()

test('says of every claim whose word it is, and on what that rests', () => {
  const claims = claimsOf(quote)
  const find = (name: string) => claims.find((claim) => claim.name === name)
  const anchor = 'Vorta SIMULATED SGX Root CA'
  assert.deepEqual(find('measurement'), {
    name: 'measurement',
    value: quote.mrenclave,
    source: 'simulated',
    anchor,
  })
  assert.equal(find('TCB status')?.source, 'verifier-derived')
  assert.ok(claims.every((claim) => claim.anchor === anchor && claim.value !== ''))
})

test('calls nothing hardware-proven that rests on a simulated root', () => {
  const sources = (of: typeof quote) => new Set(claimsOf(of).map(({ source }) => source))
  assert.deepEqual(sources(quote), new Set(['simulated', 'verifier-derived']))
  const genuine = { ...quote, simulated: false }
  assert.deepEqual(sources(genuine), new Set(['hardware-proven', 'verifier-derived']))
})

test('takes what a guest has recorded as the word of that guest', async () => {
  const claims = claimsOf(await tdQuote(), dstack)
  const compose = claims.find(({ name }) => name === 'compose hash')
  assert.deepEqual([compose?.value, compose?.source], [dstack.composeHash, 'enclave-stated'])
  assert.ok(compose?.anchor.includes(td.mrtd))
  assert.equal(claims.find(({ name }) => name === 'RTMR3')?.source, 'simulated')
  assert.equal(
    claims.some(({ name }) => name === 'key provider'),
    false,
  )
})

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fakeClock, systemRandom, toHex } from '@vorta/core'
import { createChallenges, readNonce } from './challenges.ts'

const ttlMs = 1000

suite('a challenge', () => {
  const open = (most = 100) => {
    const clock = fakeClock()
    return { clock, challenges: createChallenges({ ttlMs, most }, clock, systemRandom) }
  }

  test('is 32 bytes that never come again, and is good once', () => {
    const { clock, challenges } = open()
    const { nonce, expiresAt } = challenges.issue()
    assert.equal(nonce.length, 32)
    assert.equal(expiresAt, clock.now() + ttlMs)
    assert.notDeepEqual(challenges.issue().nonce, nonce)
    assert.equal(challenges.outstanding(), 2)
    challenges.take(toHex(nonce))
    assert.equal(challenges.outstanding(), 1)
    assert.throws(() => challenges.take(toHex(nonce)), { code: 'CHALLENGE_USED' })
  })

  test('expires to the millisecond, and is forgotten some time after', () => {
    const { clock, challenges } = open()
    const [first, second] = [challenges.issue(), challenges.issue()]
    clock.advance(ttlMs - 1)
    challenges.take(toHex(first.nonce))
    clock.advance(1)
    assert.equal(challenges.outstanding(), 0)
    assert.throws(() => challenges.take(toHex(second.nonce)), { code: 'CHALLENGE_EXPIRED' })
    clock.advance(ttlMs)
    for (const { nonce } of [first, second]) {
      assert.throws(() => challenges.take(toHex(nonce)), { code: 'CHALLENGE_UNKNOWN' })
    }
  })

  test('that was not issued is refused', () => {
    const { challenges } = open()
    assert.throws(() => challenges.take('00'.repeat(32)), { code: 'CHALLENGE_UNKNOWN' })
  })

  test('is refused while there are too many, and issued again when those are forgotten', () => {
    const { clock, challenges } = open(2)
    challenges.take(toHex(challenges.issue().nonce))
    challenges.issue()
    assert.throws(() => challenges.issue(), { code: 'OVERLOADED', meta: { retry: true } })
    clock.advance(2 * ttlMs)
    assert.ok(challenges.issue())
  })

  test('is read from a request as 32 bytes or not at all', () => {
    assert.equal(readNonce('nonce', new Uint8Array()), undefined)
    assert.equal(readNonce('nonce', new Uint8Array(32)), '00'.repeat(32))
    for (const length of [1, 31, 33, 64]) {
      assert.throws(() => readNonce('nonce', new Uint8Array(length)), { code: 'INVALID_ARGUMENT' })
    }
  })
})

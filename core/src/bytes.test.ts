import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { equal, fromBase64, fromHex, toBase64, toHex } from './bytes.ts'

// Lengths on both sides of those at which another way is taken.
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.uint8Array({ minLength: 1000, maxLength: 1100 }),
)

test('writes and reads hex as Node does, for every length', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const text = Buffer.from(bytes).toString('hex')
      assert.equal(toHex(bytes), text)
      assert.deepEqual(fromHex(text), new Uint8Array(bytes))
    }),
  )
})

test('reads lower-case hex only', () => {
  for (const text of [
    '0',
    '0g',
    'G0',
    '0A',
    ' 00',
    '00 ',
    '0x00',
    '\u0660\u0660',
    '٣0',
    '0\ud83d',
  ]) {
    assert.equal(fromHex(text), undefined, text)
  }
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code)
    const isDigit = /^[0-9a-f]$/.test(character)
    assert.equal(fromHex(`0${character}`) !== undefined, isDigit, character)
    assert.equal(fromHex(`${character}0`) !== undefined, isDigit, character)
  }
})

test('compares all bytes of views, wherever they lie', () => {
  fc.assert(
    fc.property(anyBytes, fc.nat(7), fc.nat(), (bytes, offset, at) => {
      const shifted = new Uint8Array(bytes.length + offset).subarray(offset)
      shifted.set(bytes)
      assert.ok(equal(bytes, shifted))
      assert.ok(!equal(bytes, new Uint8Array(bytes.length + 1)))
      if (bytes.length === 0) return
      shifted[at % bytes.length]! ^= 1
      assert.ok(!equal(bytes, shifted))
    }),
  )
})

test('writes and reads base64 as Node does, and one spelling only', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const text = Buffer.from(bytes).toString('base64')
      assert.equal(toBase64(bytes), text)
      assert.deepEqual(fromBase64(text), new Uint8Array(bytes))
    }),
  )
  for (const text of ['AA', 'AB==', 'AAB=', 'A===', 'AAA A', '_-8=']) {
    assert.equal(fromBase64(text), undefined, text)
  }
})

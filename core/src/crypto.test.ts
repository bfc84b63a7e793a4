// One interface, three implementations: all of them have to agree on every
// signature, good or bad.

import assert from 'node:assert/strict'
import { createSign, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import type { P256PublicKey } from './crypto.ts'
import { createNodeCrypto, nodeCrypto } from './crypto-node.ts'
import { createThreadedCrypto, threadedCrypto } from './crypto-threads.ts'
import { webCrypto } from './crypto-web.ts'
import { ecdsaDer } from './ecdsa-der.ts'

const cryptos = [nodeCrypto, threadedCrypto, webCrypto, createNodeCrypto({ maxKeys: 0 })]

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const bytes = (text: string | undefined) => new Uint8Array(Buffer.from(text!, 'base64url'))
  return { privateKey, publicKey: { x: bytes(x), y: bytes(y) } }
}

const { privateKey, publicKey } = newKey()
const data = new TextEncoder().encode('what was signed')
const signature = new Uint8Array(
  sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
)

async function verdicts(key: P256PublicKey, signed: Uint8Array, given: Uint8Array) {
  const all = await Promise.all(cryptos.map((crypto) => crypto.verifyP256(key, signed, given)))
  assert.equal(new Set(all).size, 1, `they disagree: ${all}`)
  return all[0]
}

test('all agree that a good signature is good, and every change of it is not', async () => {
  assert.equal(await verdicts(publicKey, data, signature), true)
  for (let at = 0; at < 64; at++) {
    const flipped = signature.slice()
    flipped[at]! ^= 1 << (at % 8)
    assert.equal(await verdicts(publicKey, data, flipped), false, `byte ${at}`)
  }
  assert.equal(await verdicts(newKey().publicKey, data, signature), false)
  assert.equal(await verdicts(publicKey, data.subarray(1), signature), false)
})

test('all refuse signatures and keys that are none, without an exception', async () => {
  const zero = new Uint8Array(32)
  const numbers = [new Uint8Array(64), new Uint8Array(64).fill(255), signature.subarray(1)]
  for (const none of [...numbers, new Uint8Array(), new Uint8Array(65)]) {
    assert.equal(await verdicts(publicKey, data, none), false)
  }
  const keys = [
    { x: zero, y: zero },
    { x: publicKey.x, y: publicKey.x },
    { x: new Uint8Array(32).fill(255), y: zero },
    { x: publicKey.x.subarray(1), y: publicKey.y },
    { x: new Uint8Array(), y: new Uint8Array() },
  ]
  for (const key of keys) assert.equal(await verdicts(key, data, signature), false)
})

test('gives each of many at once its own verdict, on threads that end with the process', async () => {
  const crypto = createThreadedCrypto({ threads: 2, maxKeys: 1 })
  const other = newKey().publicKey
  const large = new Uint8Array(1 << 20)
  const asked = Array.from({ length: 500 }, (_, i) => i)
  const found = await Promise.all(
    asked.map((i) =>
      crypto.verifyP256(
        i % 5 === 0 ? other : publicKey,
        i % 7 === 0 ? large.subarray(i) : data,
        i % 3 === 0 ? signature.map((byte) => byte ^ 1) : signature,
      ),
    ),
  )
  assert.deepEqual(
    found,
    asked.map((i) => i % 5 !== 0 && i % 7 !== 0 && i % 3 !== 0),
  )
})

test('gives true verdicts though its threads are killed at work', async (t) => {
  const { postMessage } = Worker.prototype
  let messages = 0
  t.mock.method(Worker.prototype, 'postMessage', function (this: Worker, ...sent: [unknown]) {
    if (messages++ % 2 === 0) void this.terminate()
    else postMessage.apply(this, sent)
  })
  const crypto = createThreadedCrypto({ threads: 1 })
  const asked = Array.from({ length: 200 }, (_, i) => i % 3 !== 0)
  const wrong = signature.map((byte) => byte ^ 1)
  const found = await Promise.all(
    asked.map((isGood) => crypto.verifyP256(publicKey, data, isGood ? signature : wrong)),
  )
  assert.deepEqual(found, asked)
  assert.ok(messages > 3, 'a thread that died is followed by another')
})

test('does not take one key for another whose coordinates run together', async () => {
  const crypto = createNodeCrypto()
  assert.equal(await crypto.verifyP256(publicKey, data, signature), true)
  const shifted = { x: publicKey.y, y: publicKey.x }
  assert.equal(await crypto.verifyP256(shifted, data, signature), false)
})

test('writes signatures in the one DER that OpenSSL writes', () => {
  for (let i = 0; i < 300; i++) {
    const der = createSign('sha256').update(data).sign(privateKey)
    assert.deepEqual(Buffer.from(ecdsaDer(fromDer(der))), der)
  }
})

/** r||s of what OpenSSL wrote. */
function fromDer(der: Uint8Array): Uint8Array {
  const out = new Uint8Array(64)
  const first = der[3]!
  const integers = [der.subarray(4, 4 + first), der.subarray(6 + first)]
  for (const [i, integer] of integers.entries()) {
    const digits = integer.subarray(Math.max(0, integer.length - 32))
    out.set(digits, 32 * (i + 1) - digits.length)
  }
  return out
}

test('keeps small numbers minimal', () => {
  const number = fc.uint8Array({ minLength: 0, maxLength: 32 })
  fc.assert(
    fc.property(number, number, (r, s) => {
      const given = new Uint8Array(64)
      given.set(r, 32 - r.length)
      given.set(s, 64 - s.length)
      const der = ecdsaDer(given)
      assert.deepEqual(fromDer(der), given)
      for (const at of [4, 6 + der[3]!]) {
        const needless = der[at] === 0 && (der[at + 1] ?? 0) < 0x80 && der[at - 1]! > 1
        assert.ok(!needless && der[at]! < 0x80)
      }
    }),
  )
})

test('all hash alike', () => {
  for (const name of ['sha256', 'sha384', 'sha512'] as const) {
    const digests = cryptos.map((crypto) => Buffer.from(crypto[name](data)).toString('hex'))
    assert.equal(new Set(digests).size, 1, name)
  }
})

import assert from 'node:assert/strict'
import {
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from 'node:crypto'
import { suite, test } from 'node:test'
import {
  type Bytes,
  canonicalBytes,
  concat,
  own,
  systemRandom,
  toBase64,
  utf8,
  type VortaError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import { keyCommitment, newContentKey } from './content-key.ts'
import { createRecipient, sealTo } from './recipient.ts'
import {
  type KeyRelease,
  makeRelease,
  maxReleaseBytes,
  openRelease,
  type ReleaseTerms,
  readRelease,
  releaseDigest,
  releasePurpose,
  requireTerms,
} from './release.ts'
import { maxInputBytes, openInput, sealInput, sealingOverhead } from './sealed-input.ts'

const key = newContentKey(systemRandom)
const plaintext = utf8('{"pi_a":["1","2","1"]}')
const codeOf = async (call: () => unknown): Promise<string> => {
  try {
    await call()
  } catch (thrown) {
    return (thrown as VortaError).code
  }
  return 'none'
}

suite('a sealed input', () => {
  test('opens to the same bytes, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const sealed = await sealInput(key, 'proof', bytes, systemRandom)
        assert.equal(sealed.length, bytes.length + sealingOverhead)
        assert.deepEqual(await openInput(key, 'proof', sealed), own(bytes))
      }),
      { numRuns: 50 },
    )
  })

  test('is another one each time, and shows nothing of what is in it', async () => {
    const [one, two] = [
      await sealInput(key, 'proof', plaintext, systemRandom),
      await sealInput(key, 'proof', plaintext, systemRandom),
    ]
    assert.notDeepEqual(one, two)
    assert.equal(Buffer.from(one).includes(Buffer.from(plaintext)), false)
  })

  test('does not open with another key or for another input', async () => {
    const sealed = await sealInput(key, 'proof', plaintext, systemRandom)
    const other = newContentKey(systemRandom)
    assert.equal(await codeOf(() => openInput(other, 'proof', sealed)), 'SEALED_INPUT_FORGED')
    assert.equal(await codeOf(() => openInput(key, 'publicInputs', sealed)), 'SEALED_INPUT_FORGED')
  })

  test('does not open with any bit changed, nor cut, nor lengthened', async () => {
    const sealed = await sealInput(key, 'proof', plaintext, systemRandom)
    for (let at = 0; at < sealed.length; at++) {
      const bad = own(sealed)
      bad[at]! ^= 1 << (at % 8)
      const expected = at < 26 ? 'SEALED_INPUT_FORMAT' : 'SEALED_INPUT_FORGED'
      assert.equal(await codeOf(() => openInput(key, 'proof', bad)), expected, `byte ${at}`)
    }
    for (let length = 0; length < sealed.length; length++) {
      const code = await codeOf(() => openInput(key, 'proof', sealed.subarray(0, length)))
      assert.match(code, /^SEALED_INPUT_FORMAT$|^SEALED_INPUT_FORGED$/)
    }
    const longer = concat(sealed, new Uint8Array(1))
    assert.equal(await codeOf(() => openInput(key, 'proof', longer)), 'SEALED_INPUT_FORGED')
  })

  test('is not made, nor read, above the limit', async () => {
    const large = new Uint8Array(maxInputBytes + 1)
    const code = await codeOf(() => sealInput(key, 'proof', large, systemRandom))
    assert.equal(code, 'SEALED_INPUT_FORMAT')
    const sealed = new Uint8Array(maxInputBytes + sealingOverhead + 1)
    sealed.set((await sealInput(key, 'proof', plaintext, systemRandom)).subarray(0, 26))
    assert.equal(await codeOf(() => openInput(key, 'proof', sealed)), 'SEALED_INPUT_FORMAT')
  })
})

const now = Date.UTC(2026, 5, 1)
const terms: ReleaseTerms = {
  purpose: releasePurpose,
  job: 'j1',
  spec: '11'.repeat(32),
  enclave: '22'.repeat(32),
  evidence: '33'.repeat(32),
  maxUses: 1,
  notAfter: '2026-06-01T01:00:00Z',
}
const target = { job: terms.job, spec: terms.spec, enclave: terms.enclave }
const commitment = keyCommitment(nodeCrypto, key)
const recipient = await createRecipient()
const releaseTo = (publicKey: Uint8Array, about = terms, content: Uint8Array = key) =>
  makeRelease(about, content, (info, message) => sealTo(publicKey, info, message))
const open = (document: KeyRelease, by = recipient) =>
  openRelease(nodeCrypto, document, commitment, by.open)

suite('a key release', () => {
  test('gives the committed key to the enclave it was made for', async () => {
    const document = readRelease(await releaseTo(recipient.publicKey))
    requireTerms(document, target, now)
    assert.deepEqual(await open(document), key)
  })

  test('opens for no other enclave', async () => {
    const document = readRelease(await releaseTo(recipient.publicKey))
    const other = await createRecipient()
    assert.equal(await codeOf(() => open(document, other)), 'RELEASE_UNREADABLE')
  })

  for (const [field, value, code] of [
    ['job', 'j2', 'RELEASE_WRONG_JOB'],
    ['spec', '44'.repeat(32), 'RELEASE_WRONG_SPEC'],
    ['enclave', '44'.repeat(32), 'RELEASE_WRONG_ENCLAVE'],
    ['evidence', '44'.repeat(32), 'none'],
    ['maxUses', 2, 'none'],
    ['notAfter', '2026-06-02T00:00:00Z', 'none'],
  ] as const) {
    test(`does not open with its ${field} exchanged`, async () => {
      const document = readRelease(await releaseTo(recipient.publicKey))
      const changed = readRelease(canonicalBytes({ ...document, [field]: value }))
      assert.equal(await codeOf(() => requireTerms(changed, target, now)), code)
      assert.equal(await codeOf(() => open(changed)), 'RELEASE_UNREADABLE')
    })
  }

  test('does not open with any byte of its ciphertext changed', async () => {
    const document = readRelease(await releaseTo(recipient.publicKey))
    const sealed = Buffer.from(document.sealed, 'base64')
    for (let at = 0; at < sealed.length; at++) {
      const bad = Uint8Array.from(sealed)
      bad[at]! ^= 0x80 // at the end of the encapsulated key: the bit that X25519 ignores
      const changed = { ...document, sealed: toBase64(bad) }
      assert.equal(await codeOf(() => open(changed)), 'RELEASE_UNREADABLE', `byte ${at}`)
    }
  })

  test('with another key than the committed one is refused', async () => {
    const other = newContentKey(systemRandom)
    const document = readRelease(await releaseTo(recipient.publicKey, terms, other))
    assert.equal(await codeOf(() => open(document)), 'RELEASE_WRONG_KEY')
  })

  test('is good until its end and not a millisecond longer', async () => {
    const end = Date.UTC(2026, 5, 1, 1)
    requireTerms(terms, target, end)
    assert.equal(await codeOf(() => requireTerms(terms, target, end + 1)), 'RELEASE_EXPIRED')
    assert.equal(await codeOf(() => requireTerms(terms, target, Number.NaN)), 'RELEASE_EXPIRED')
  })

  test('is known by one digest', async () => {
    const bytes = await releaseTo(recipient.publicKey)
    assert.match(releaseDigest(nodeCrypto, bytes), /^[0-9a-f]{64}$/)
    assert.ok(bytes.length < maxReleaseBytes)
    const spaced = utf8(JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), null, 1))
    assert.equal(await codeOf(() => readRelease(spaced)), 'RELEASE_FORMAT')
  })

  test('is read from its one form only, and nothing but its own code is thrown', async () => {
    const bytes = await releaseTo(recipient.publicKey)
    for (const bad of [
      utf8(''),
      utf8('null'),
      utf8('[]'),
      new Uint8Array(maxReleaseBytes + 1),
      canonicalBytes({ ...terms }),
      canonicalBytes({ ...readRelease(bytes), more: 1 }),
      canonicalBytes({ ...readRelease(bytes), maxUses: 0 }),
      canonicalBytes({ ...readRelease(bytes), sealed: 'AAAA' }),
    ]) {
      assert.equal(await codeOf(() => readRelease(bad)), 'RELEASE_FORMAT')
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bad = own(bytes)
        bad[at]! ^= change
        return codeOf(async () => open(readRelease(bad))).then((code) =>
          assert.match(code, /^RELEASE_/),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('is not sealed to what is no key', async () => {
    for (const bad of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(32)]) {
      assert.equal(await codeOf(() => releaseTo(bad)), 'SEALING_KEY_MISSING')
    }
  })
})

/** RFC 9180, base mode, written down a second time over node:crypto. */
function openByHand(
  privateKey: ReturnType<typeof generateKeyPairSync>['privateKey'],
  publicKey: Bytes,
  info: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  const hmac = (secret: Uint8Array, data: Uint8Array) =>
    own(createHmac('sha256', secret).update(data).digest())
  const labeled = (id: Uint8Array, label: string) => concat(utf8('HPKE-v1'), id, utf8(label))
  const extract = (salt: Uint8Array, id: Uint8Array, label: string, ikm: Uint8Array) =>
    hmac(salt, concat(labeled(id, label), ikm))
  // One block of HKDF-Expand: no output here is longer than 32 bytes.
  const expand = (prk: Uint8Array, id: Uint8Array, label: string, about: Uint8Array, n: number) =>
    hmac(prk, concat(Uint8Array.of(0, n), labeled(id, label), about, Uint8Array.of(1))).slice(0, n)

  const none = new Uint8Array()
  const encapsulated = own(sealed.subarray(0, 32))
  const kem = concat(utf8('KEM'), Uint8Array.of(0, 0x20))
  const suiteId = concat(utf8('HPKE'), Uint8Array.of(0, 0x20, 0, 1, 0, 2))
  const x = Buffer.from(encapsulated).toString('base64url')
  const peer = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
  const dh = own(diffieHellman({ privateKey, publicKey: peer }))
  const eae = extract(none, kem, 'eae_prk', dh)
  const shared = expand(eae, kem, 'shared_secret', concat(encapsulated, publicKey), 32)
  const context = concat(
    Uint8Array.of(0),
    extract(none, suiteId, 'psk_id_hash', none),
    extract(none, suiteId, 'info_hash', info),
  )
  const secret = extract(shared, suiteId, 'secret', none)
  const aes = expand(secret, suiteId, 'key', context, 32)
  const nonce = expand(secret, suiteId, 'base_nonce', context, 12)
  const decipher = createDecipheriv('aes-256-gcm', aes, nonce)
  decipher.setAuthTag(sealed.subarray(-16))
  return concat(decipher.update(sealed.subarray(32, -16)), decipher.final())
}

test('the encryption is HPKE with X25519, HKDF-SHA256 and AES-256-GCM, as RFC 9180 has it', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  const raw = own(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
  const info = utf8('terms')
  const sealed = await sealTo(raw, info, key)
  assert.deepEqual(openByHand(privateKey, raw, info, sealed), key)
})

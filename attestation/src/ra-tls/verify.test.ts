import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { suite, test } from 'node:test'
import { type Bytes, concat, equal, fromHex, toHex, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import {
  collateral,
  day,
  faultOf,
  flipped,
  measurement,
  now,
  platform,
  platformId,
} from '../../test/fixture.ts'
import { intelAnchor, simulatedAnchor } from '../anchors.ts'
import type { QuoteFault } from '../errors.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { createGuest } from '../testkit/dstack-guest.ts'
import {
  createGramineKey,
  gramineCertificate,
  gramineClaims,
  hashOf,
} from '../testkit/gramine-ra-tls.ts'
import { cbor } from './cbor.ts'
import { parseRaTlsCertificate, taggedEvidence } from './certificate.ts'
import { encodeRaTlsClaims, raTlsReportData, readRaTlsClaims } from './claims.ts'
import { createRaTlsKey, issueCertificate, type QuotedClaims, type RaTlsKey } from './issue.ts'
import { type RaTlsOptions, requireEnclaveKey, verifyRaTlsCertificate } from './verify.ts'

const quoteOf = (reportData: Uint8Array): Bytes => platform.quote({ measurement, reportData })
const options: RaTlsOptions = {
  anchors: [intelAnchor, simulatedAnchor],
  now,
  collateral: async () => collateral,
}
const verify = (der: Uint8Array, change: Partial<RaTlsOptions> = {}) =>
  verifyRaTlsCertificate(nodeCrypto, der, { ...options, ...change })
const refuses = async (der: Uint8Array, code: QuoteFault, change: Partial<RaTlsOptions> = {}) =>
  assert.equal(await faultOf(verify(der, change)), code)

const derOf = (pem: string): Bytes =>
  new Uint8Array(Buffer.from(pem.replace(/-----[A-Z ]+-----|\n/g, ''), 'base64'))

const key = createRaTlsKey()
const nonce = new Uint8Array(32).fill(9)

/** Our own certificate; the claims may be others than the honest ones. */
function ours(
  claims: Uint8Array,
  of: RaTlsKey = key,
  report = raTlsReportData(nodeCrypto, claims),
) {
  const evidence = { quote: quoteOf(report), claims }
  return derOf(issueCertificate({ key: of, commonName: 'w1', evidence, now, lifetime: day }).cert)
}

const honest = (holder: 'host' | 'enclave' = 'enclave') =>
  encodeRaTlsClaims(nodeCrypto, { spki: key.spki, nonce, holder })

suite('what Gramine writes', () => {
  const gramineKey = createGramineKey()
  const both = gramineCertificate({ quote: quoteOf, key: gramineKey })

  for (const [what, forms, form] of [
    ['both forms, as since 1.8', ['legacy', 'dice'], 'dice'],
    ['the older form alone', ['legacy'], 'legacy'],
    ['tagged evidence alone', ['dice'], 'dice'],
  ] as const) {
    test(`gives key and enclave of a certificate with ${what}`, async () => {
      const der = gramineCertificate({ quote: quoteOf, key: gramineKey, forms })
      const verified = await verify(der)
      assert.equal(verified.form, form)
      assert.equal(verified.holder, 'enclave')
      assert.equal(toHex(verified.spki), toHex(gramineKey.spki))
      assert.equal(verified.quote.ppid, toHex(platformId))
      assert.equal(verified.notAfter, Date.UTC(2030, 11, 31, 23, 59, 59))
      requireEnclaveKey(verified)
    })
  }

  test('writes the claims that Gramine writes', () => {
    const claims = encodeRaTlsClaims(nodeCrypto, { spki: key.spki })
    assert.equal(toHex(claims), toHex(gramineClaims(key.spki)))
  })

  test('does not fall for the PEM inside, as Node does', async () => {
    // The PCK chain stands in the quote as PEM text, and Node takes the first of it.
    const trapped = new X509Certificate(both).publicKey.export({ type: 'spki', format: 'der' })
    assert.ok(!equal(trapped, gramineKey.spki), 'Node has mended it: the warnings may go')
    assert.equal(toHex((await verify(both)).spki), toHex(gramineKey.spki))
  })

  test('never falls back to the older form where tagged evidence is bad', async () => {
    // Both quotes are genuine, and the older one binds the key.
    const claims = gramineClaims(createGramineKey().spki)
    const der = gramineCertificate({ quote: quoteOf, key: gramineKey, claims })
    await refuses(der, 'RATLS_KEY_MISMATCH')
    const none = gramineCertificate({ quote: quoteOf, key: gramineKey, claims: fromHex('a0')! })
    await refuses(none, 'RATLS_CLAIMS')
  })
})

suite('what we write', () => {
  test('binds key, challenge and holder', async () => {
    const verified = await verify(ours(honest('host')), { nonce })
    assert.equal(toHex(verified.spki), toHex(key.spki))
    assert.equal(verified.holder, 'host')
    assert.throws(() => requireEnclaveKey(verified), { code: 'RATLS_HOST_KEY' })
    requireEnclaveKey(await verify(ours(honest())))
  })

  test('takes key hashes by SHA-384 and SHA-512 too', async () => {
    for (const [algorithm, name] of [
      [7, 'sha384'],
      [8, 'sha512'],
    ] as const) {
      const hash = hashOf(key.spki, name)
      const pair = cbor.array(cbor.unsigned(algorithm), cbor.bytes(hash))
      await verify(ours(cbor.map(['pubkey-hash', cbor.bytes(pair)])))
    }
  })

  test('ignores claims it does not know, of any kind', async () => {
    const pair = cbor.array(cbor.unsigned(1), cbor.bytes(hashOf(key.spki)))
    const [none, yes, negative, float] = ['f6', 'f5', '3903e7', 'f93c00'].map(
      (hex) => fromHex(hex)!,
    )
    const unknown = [
      ['x', none!],
      ['y', cbor.map(['z', cbor.array(yes!, negative!)])],
      ['t', cbor.tag(60_001, cbor.text('tagged'))],
      ['f', float!],
    ] as const
    const claims = cbor.map(...unknown, ['pubkey-hash', cbor.bytes(pair)])
    assert.equal((await verify(ours(claims))).holder, 'enclave')
  })
})

suite('the certificate of a dstack guest', () => {
  const guest = createGuest({ appCompose: utf8('{}'), now })
  const claims = encodeRaTlsClaims(nodeCrypto, { spki: key.spki })
  const quoted = guest.quote(raTlsReportData(nodeCrypto, claims))
  const tdx = { collateral: async () => simulatedCollateral(now, { tee: 'tdx' }) }
  const showing = (evidence: QuotedClaims) =>
    derOf(issueCertificate({ key, commonName: 'm', evidence, now, lifetime: day }).cert)

  test('proves the application too, by the event log beside the quote', async () => {
    const { quote, dstack } = await verify(showing({ claims, ...quoted }), tdx)
    assert.equal(quote.tee, 'tdx')
    assert.equal(dstack?.composeHash, guest.identity.composeHash)
    const without = await verify(showing({ claims, quote: quoted.quote }), tdx)
    assert.equal(without.dstack, undefined)
  })

  test('is refused with the log of another guest, and SGX with any', async () => {
    const { eventLog } = createGuest({ appCompose: utf8('{"other":1}'), now }).quote(
      new Uint8Array(64),
    )
    await refuses(showing({ claims, quote: quoted.quote, eventLog }), 'EVENT_LOG_MISMATCH', tdx)
    const sgx = { claims, quote: quoteOf(raTlsReportData(nodeCrypto, claims)), eventLog }
    await refuses(showing(sgx), 'RATLS_EVIDENCE')
  })
})

suite('refuses a certificate', () => {
  const pair = cbor.array(cbor.unsigned(1), cbor.bytes(hashOf(key.spki)))
  const named = ['pubkey-hash', cbor.bytes(pair)] as const

  test('that shows the right quote for another key', async () => {
    const thief = createRaTlsKey()
    await refuses(ours(honest(), thief), 'RATLS_KEY_MISMATCH')
    // And the older form, where the quote names the key directly.
    const victim = createGramineKey()
    const legacy = gramineCertificate({ quote: quoteOf, key: victim, forms: ['legacy'] })
    const at = Buffer.from(legacy).indexOf(victim.spki)
    const stolen = legacy.slice()
    stolen.set(createGramineKey().spki, at)
    await refuses(stolen, 'RATLS_REPORT_DATA')
  })

  test('whose claims were changed after the quote', async () => {
    const report = raTlsReportData(nodeCrypto, honest('host'))
    await refuses(ours(honest('enclave'), key, report), 'RATLS_REPORT_DATA')
  })

  test('whose report data does not end in zeros', async () => {
    const tail = raTlsReportData(nodeCrypto, honest())
    tail[63] = 1
    await refuses(ours(honest(), key, tail), 'RATLS_REPORT_DATA')
  })

  test('that answers another challenge, or none', async () => {
    await refuses(ours(honest()), 'RATLS_NONCE', { nonce: new Uint8Array(32) })
    await refuses(ours(cbor.map(named)), 'RATLS_NONCE', { nonce })
    const legacy = gramineCertificate({ quote: quoteOf, forms: ['legacy'] })
    await refuses(legacy, 'RATLS_NONCE', { nonce })
  })

  test('before and after its period', async () => {
    const der = ours(honest())
    await refuses(der, 'RATLS_NOT_IN_FORCE', { now: now - day })
    await refuses(der, 'RATLS_NOT_IN_FORCE', { now: now + day + 1000 })
    await refuses(der, 'RATLS_NOT_IN_FORCE', { now: Number.NaN })
  })

  test('whose quote cannot be judged any more', async () => {
    await refuses(gramineCertificate({ quote: quoteOf }), 'CRL_EXPIRED', { now: now + 31 * day })
  })

  test('under another root', async () => {
    await refuses(ours(honest()), 'UNTRUSTED_ROOT', { anchors: [intelAnchor] })
  })

  test('without a quote', async () => {
    const plain = issueCertificate({ key, commonName: 'w1', now, lifetime: day })
    await refuses(derOf(plain.cert), 'RATLS_NO_EVIDENCE')
  })

  for (const [what, claims] of [
    ['that name no key', cbor.map(['nonce', cbor.bytes(nonce)])],
    ['that name the key twice', cbor.map(named, named)],
    ['that repeat an unknown claim', cbor.map(named, ['x', pair], ['x', pair])],
    [
      'with an unknown hash',
      cbor.map(['pubkey-hash', cbor.bytes(cbor.array(cbor.unsigned(2), cbor.bytes(nonce)))]),
    ],
    [
      'with a third item in the key hash',
      cbor.map([
        'pubkey-hash',
        cbor.bytes(cbor.array(cbor.unsigned(1), cbor.bytes(nonce), cbor.unsigned(0))),
      ]),
    ],
    [
      'with a holder that is neither',
      cbor.map(named, ['vorta.org/transport', cbor.text('enclave')]),
    ],
    ['of indefinite length', concat(fromHex('bf')!, cbor.map(named).subarray(1), fromHex('ff')!)],
    ['with a head longer than needed', concat(fromHex('b801')!, cbor.map(named).subarray(1))],
    ['with bytes after the map', concat(cbor.map(named), fromHex('00')!)],
    ['nested without end', cbor.map(['x', fromHex('81'.repeat(60))!], named)],
    ['with a length beyond the end', concat(fromHex('a15affffffff')!, utf8('pubkey-hash'))],
    ['that are no map', cbor.array(pair)],
    ['that are empty', new Uint8Array()],
  ] as const) {
    test(`whose claims are ones ${what}`, () => refuses(ours(claims), 'RATLS_CLAIMS'))
  }

  test('whose evidence is wrapped in another way than documented', async () => {
    const claims = honest()
    const quote = quoteOf(raTlsReportData(nodeCrypto, claims))
    const good = taggedEvidence(quote, claims)
    const der = ours(claims)
    const head = Buffer.from(der).indexOf(Buffer.from(good.subarray(0, 8)))
    // The tag of TEE reports; an array of three; an indefinite string; a text string.
    for (const [at, byte] of [
      [2, 0x61],
      [3, 0x83],
      [4, 0x5f],
      [4, 0x79],
    ] as const) {
      const bad = der.slice()
      bad[head + at] = byte
      await refuses(bad, 'RATLS_EVIDENCE')
    }
  })
})

test('refuses every truncation and every altered byte with a code', async () => {
  const der = ours(honest())
  const accepted: number[] = []
  for (let at = 0; at < der.length; at += 7) {
    const code = await faultOf(verify(der.subarray(0, at)))
    assert.ok(code === 'DER' || code === 'RATLS_CERTIFICATE', code)
  }
  for (let at = 0; at < der.length; at += 13) {
    try {
      await verify(flipped(der, at))
      accepted.push(at)
    } catch (thrown) {
      assert.equal(typeof (thrown as { code?: unknown }).code, 'string', String(thrown))
    }
  }
  // What nobody relies on may change: serial, names and the self-signature. No byte of
  // key or evidence is among it.
  const text = Buffer.from(der)
  const evidenceAt = text.indexOf(Buffer.from('d9ea60', 'hex'))
  const keyAt = text.indexOf(key.spki)
  const evidenceEnd = text.lastIndexOf(honest()) + honest().length
  for (const at of accepted) {
    assert.ok(at < evidenceAt || at >= evidenceEnd, `byte ${at} of the evidence`)
    assert.ok(at < keyAt || at >= keyAt + key.spki.length, `byte ${at} of the key`)
  }
})

test('answers whatever is made of a certificate with a code', () => {
  const der = ours(honest())
  const claims = honest()
  const at = (bytes: Uint8Array) => fc.nat(bytes.length - 1)
  const codeOf = (work: () => unknown): void => {
    try {
      work()
    } catch (thrown) {
      assert.ok(thrown instanceof VerificationError, String(thrown))
    }
  }
  const edits = (bytes: Uint8Array) =>
    fc.array(fc.tuple(at(bytes), fc.nat(255)), { minLength: 1, maxLength: 4 })
  const edited = (bytes: Uint8Array, changes: readonly (readonly [number, number])[]) => {
    const out = bytes.slice()
    for (const [index, value] of changes) out[index] = value
    return out
  }
  const seed = 1
  fc.assert(
    fc.property(edits(der), (changes) => codeOf(() => parseRaTlsCertificate(edited(der, changes)))),
    { seed, numRuns: 5000 },
  )
  fc.assert(
    fc.property(edits(claims), (changes) => codeOf(() => readRaTlsClaims(edited(claims, changes)))),
    { seed, numRuns: 5000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      codeOf(() => readRaTlsClaims(bytes))
      codeOf(() => parseRaTlsCertificate(bytes))
    }),
    { seed, numRuns: 5000 },
  )
})

test('looks at nothing beyond its limits', async () => {
  await refuses(new Uint8Array(1 << 20), 'RATLS_CERTIFICATE')
  let asked = 0
  const counting = async () => {
    asked++
    return collateral
  }
  await refuses(ours(honest(), createRaTlsKey()), 'RATLS_KEY_MISMATCH', { collateral: counting })
  assert.equal(asked, 0, 'no collateral is fetched for a certificate that binds another key')
})

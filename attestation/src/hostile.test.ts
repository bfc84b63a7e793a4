// Whatever is done to the bytes, the answer is a refusal with a code: nothing
// altered is accepted, and no other exception comes out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import {
  collateral,
  faultOf,
  flipped,
  flippedText,
  measurement,
  now,
  platform,
  quote,
  reportData,
  verify,
} from '../test/fixture.ts'
import { simulatedAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { parseCrl } from './crl.ts'
import { parsePckExtension } from './pck-extension.ts'
import { parsePemChain } from './pem.ts'
import { parseQuote } from './quote.ts'
import { verifyQuote } from './verify-quote.ts'
import { parseCertificate } from './x509.ts'

/** Parts of a version 3 quote, and the codes with which a change of one byte may be refused. */
const parts = [
  {
    name: 'header',
    from: 0,
    to: 48,
    codes: /^(QUOTE_VERSION|ATT_KEY_TYPE|TEE_TYPE|QE_VENDOR|QUOTE_SIGNATURE)$/,
  },
  { name: 'report body', from: 48, to: 432, codes: /^QUOTE_SIGNATURE$/ },
  { name: 'length of the authentication data', from: 432, to: 436, codes: /^QUOTE_FORMAT$/ },
  { name: 'signature', from: 436, to: 500, codes: /^QUOTE_SIGNATURE$/ },
  { name: 'attestation key', from: 500, to: 564, codes: /^QE_REPORT_DATA$/ },
  { name: 'QE report', from: 564, to: 948, codes: /^QE_REPORT_SIGNATURE$/ },
  { name: 'QE report signature', from: 948, to: 1012, codes: /^QE_REPORT_SIGNATURE$/ },
  { name: 'length of the QE auth data', from: 1012, to: 1014, codes: /^(QUOTE_FORMAT|CERT_TYPE)$/ },
  { name: 'QE auth data', from: 1014, to: 1046, codes: /^QE_REPORT_DATA$/ },
  {
    name: 'certification type and length',
    from: 1046,
    to: 1052,
    codes: /^(CERT_TYPE|CHAIN_FORMAT|QUOTE_FORMAT)$/,
  },
  {
    name: 'certificates',
    from: 1052,
    to: quote.length,
    codes:
      /^(CHAIN_FORMAT|CERT_TYPE|DER|CERT_FORMAT|CERT_SIGNATURE|UNTRUSTED_ROOT|QE_REPORT_SIGNATURE)$/,
  },
] as const

for (const { name, from, to, codes } of parts) {
  test(`refuses a change of any byte of the ${name}`, async () => {
    for (let at = from; at < to; at++) {
      // A different bit at each offset; over the whole quote every bit has its turn.
      const code = await faultOf(verify({ quote: flipped(quote, at, 1 << (at % 8)) }))
      assert.match(code, codes, `offset ${at}`)
    }
  })
}

test('refuses a quote cut off at any length', async () => {
  for (let length = 0; length < quote.length; length++) {
    const code = await faultOf(verify({ quote: quote.subarray(0, length) }))
    assert.match(code, /^QUOTE_FORMAT$/, `length ${length}`)
  }
})

const expectedCodes: Readonly<Record<keyof Collateral, RegExp>> = {
  pck_crl_issuer_chain: /^(CHAIN_FORMAT|DER|CERT_FORMAT|UNTRUSTED_ROOT)$/,
  root_ca_crl: /^(COLLATERAL_FORMAT|DER|CRL_FORMAT|CRL_ISSUER|CRL_SIGNATURE)$/,
  pck_crl: /^(COLLATERAL_FORMAT|DER|CRL_FORMAT|CRL_ISSUER|CRL_SIGNATURE)$/,
  tcb_info_issuer_chain:
    /^(CHAIN_FORMAT|DER|CERT_FORMAT|CERT_SIGNATURE|UNTRUSTED_ROOT|TCB_SIGNATURE)$/,
  tcb_info: /^TCB_SIGNATURE$/,
  tcb_info_signature: /^(COLLATERAL_FORMAT|TCB_SIGNATURE)$/,
  qe_identity_issuer_chain:
    /^(CHAIN_FORMAT|DER|CERT_FORMAT|CERT_SIGNATURE|UNTRUSTED_ROOT|QEID_SIGNATURE)$/,
  qe_identity: /^QEID_SIGNATURE$/,
  qe_identity_signature: /^(COLLATERAL_FORMAT|QEID_SIGNATURE)$/,
  pck_certificate_chain: /^(CHAIN_FORMAT|DER|CERT_FORMAT|UNTRUSTED_ROOT)$/,
}

const chain = new TextDecoder().decode(parseQuote(quote).certification.data.slice(0, -1))
const full: Collateral = { ...collateral, pck_certificate_chain: chain }

for (const [field, codes] of Object.entries(expectedCodes)) {
  test(`refuses a change of any character of ${field}`, async () => {
    const text = full[field as keyof Collateral]!
    for (let at = 0; at < text.length; at += stride(text)) {
      const spoiled = { ...full, [field]: flippedText(text, at, 1 << (at % 7)) }
      const code = await faultOf(verify({ collateral: spoiled }))
      assert.match(code, codes, `character ${at}`)
    }
  })
}

/** Long texts are sampled: about 200 offsets, coprime to the width of a PEM line. */
const stride = (text: string): number => (text.length < 400 ? 1 : Math.floor(text.length / 200) | 1)

test('refuses collateral cut off anywhere', async () => {
  for (const [field, text] of Object.entries(full)) {
    for (let length = 0; length < text.length; length += 3 * stride(text)) {
      // Cut between two certificates, or before its last line end, a chain is a chain.
      if (/END CERTIFICATE-----\n?$/.test(text.slice(0, length))) continue
      const spoiled = { ...full, [field]: text.slice(0, length) }
      await faultOf(verify({ collateral: spoiled }))
    }
  }
})

test('answers edited quotes with a code, or where they are only padded with the same verdict', async () => {
  const good = await verify()
  await fc.assert(
    fc.asyncProperty(edits(quote.length), async (changes) => {
      const bytes = edit(quote, changes)
      if (bytes.every((byte, i) => byte === (quote[i] ?? 0)) && bytes.length >= quote.length) {
        assert.deepEqual(await verify({ quote: bytes }), good)
      } else {
        await faultOf(verify({ quote: bytes }))
      }
    }),
    { numRuns: 300 },
  )
})

test('answers edited certificates, CRLs and SGX extensions with a code', () => {
  const [leaf] = parsePemChain(chain, 'chain')
  const crl = Uint8Array.from(Buffer.from(collateral.pck_crl, 'hex'))
  const inputs = [
    [parseCertificate, leaf!.raw],
    [parseCrl, crl],
    [parsePckExtension, leaf!.sgxExtension!],
  ] as const
  for (const [parse, bytes] of inputs) {
    fc.assert(
      fc.property(edits(bytes.length), (changes) => {
        try {
          parse(edit(bytes, changes))
        } catch (error) {
          assert.match(
            String((error as { code?: string }).code),
            /^(DER|CERT_FORMAT|CRL_FORMAT|PCK_EXTENSION)$/,
          )
        }
      }),
      { numRuns: 500 },
    )
  }
})

test('answers arbitrary quotes and collateral with a code', async () => {
  const anything = fc.record(
    Object.fromEntries(
      Object.keys(full).map((field) => [field, fc.string({ unit: 'binary', maxLength: 50 })]),
    ),
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 1200 }), anything, async (bytes, texts) => {
      const mixed = { ...full, ...texts } as Collateral
      await faultOf(verify({ quote: bytes, collateral: texts as Collateral }))
      if (Object.keys(texts).length > 0) await faultOf(verify({ collateral: mixed }))
    }),
    { numRuns: 100 },
  )
})

test('spends little time on the largest inputs it takes', async () => {
  const started = performance.now()
  const options = { anchors: [simulatedAnchor], now }
  const large = {
    ...collateral,
    root_ca_crl: '30'.repeat(1024 * 1024),
    tcb_info: '['.repeat(512 * 1024),
  }
  const bytes = platform.quote({ measurement, reportData })
  await faultOf(verifyQuote(nodeCrypto, bytes, large, options))
  await faultOf(verifyQuote(nodeCrypto, new Uint8Array(64 * 1024).fill(3), large, options))
  assert.ok(performance.now() - started < 5000)
})

type Edit = { readonly at: number; readonly remove: number; readonly insert: Uint8Array }

/** One to three places where some bytes are replaced by some others. */
const edits = (length: number): fc.Arbitrary<readonly Edit[]> =>
  fc.array(
    fc.record({
      at: fc.nat(length),
      remove: fc.nat(8),
      insert: fc.uint8Array({ maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 3 },
  )

const edit = (bytes: Uint8Array, changes: readonly Edit[]): Uint8Array =>
  changes.reduce<Uint8Array>(
    (out, { at, remove, insert }) =>
      Uint8Array.from([...out.subarray(0, at), ...insert, ...out.subarray(at + remove)]),
    bytes,
  )

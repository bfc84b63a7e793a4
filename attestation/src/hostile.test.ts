// Whatever is done to the bytes, the answer is a refusal with a code: nothing
// altered is accepted, and no other exception comes out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@vorta/core'
import fc from 'fast-check'
import {
  collateral,
  faultOf,
  flipped,
  flippedText,
  quote,
  tdCollateral,
  tdQuote,
  verify,
  verifyTd,
} from '../test/fixture.ts'
import type { Collateral } from './collateral.ts'
import { openCrl } from './crl.ts'
import { Memory } from './memory.ts'
import { parsePckExtension } from './pck-extension.ts'
import { parsePemChain } from './pem.ts'
import { parseQuote } from './quote.ts'
import { parseCertificate } from './x509.ts'

type Part = readonly [name: string, length: number, codes: RegExp]

/** What vouches for the attestation key, in every version. */
const qeParts: readonly Part[] = [
  ['QE report', 384, /^QE_REPORT_SIGNATURE$/],
  ['QE report signature', 64, /^QE_REPORT_SIGNATURE$/],
  ['length of the QE auth data', 2, /^(QUOTE_FORMAT|CERT_TYPE)$/],
  ['QE auth data', 32, /^QE_REPORT_DATA$/],
  ['certification type and length', 6, /^(CERT_TYPE|CHAIN_FORMAT|QUOTE_FORMAT)$/],
  [
    'certificates',
    Number.POSITIVE_INFINITY,
    /^(CHAIN_FORMAT|CERT_TYPE|DER|CERT_FORMAT|CERT_SIGNATURE|UNTRUSTED_ROOT|QE_REPORT_SIGNATURE)$/,
  ],
]

const authParts: readonly Part[] = [
  ['length of the authentication data', 4, /^QUOTE_FORMAT$/],
  ['signature', 64, /^QUOTE_SIGNATURE$/],
  ['attestation key', 64, /^QE_REPORT_DATA$/],
]

/** The parts of both quotes, and the codes with which a change of one byte may be refused. */
const layouts: readonly (readonly [Uint8Array, Collateral, readonly Part[]])[] = [
  [
    quote,
    collateral,
    [
      ['header', 48, /^(QUOTE_VERSION|ATT_KEY_TYPE|TEE_TYPE|QE_VENDOR|QUOTE_\w+)$/],
      ['report', 384, /^QUOTE_SIGNATURE$/],
      ...authParts,
      ...qeParts,
    ],
  ],
  [
    tdQuote,
    tdCollateral,
    [
      ['header', 48, /^(QUOTE_VERSION|ATT_KEY_TYPE|\w+_TYPE|QE_VENDOR|QUOTE_\w+)$/],
      ['body type and length', 6, /^BODY_TYPE$/],
      ['TD report', 648, /^(QUOTE_SIGNATURE|TDX_MODULE_MISMATCH)$/],
      ...authParts,
      ['wrapping', 6, /^(CERT_TYPE|QUOTE_FORMAT)$/],
      ...qeParts,
    ],
  ],
]

for (const [bytes, documents, parts] of layouts) {
  const kind = bytes === quote ? 'an SGX quote' : 'a TDX quote'
  test(`refuses a change of any byte of ${kind}`, async () => {
    let at = 0
    for (const [name, length, codes] of parts) {
      for (const end = Math.min(at + length, bytes.length); at < end; at++) {
        // A different bit at each offset; over the whole quote every bit has its turn.
        const spoiled = { quote: flipped(bytes, at, 1 << (at % 8)), collateral: documents, memory }
        assert.match(await faultOf(verify(spoiled)), codes, `${name}, offset ${at}`)
      }
    }
    assert.equal(at, bytes.length)
  })

  test(`refuses ${kind} cut off at any length`, async () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = { quote: bytes.subarray(0, length), collateral: documents, memory }
      assert.match(await faultOf(verify(cut)), /^QUOTE_FORMAT$/, `length ${length}`)
    }
  })
}

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

// What is not spoiled is known already: that saves most of the time.
const memory = new Memory()
await verify({ memory })
await verifyTd({ memory })

const chain = new TextDecoder().decode(parseQuote(quote).certification.data.slice(0, -1))
const full: Collateral = { ...collateral, pck_certificate_chain: chain }

for (const [field, codes] of Object.entries(expectedCodes)) {
  test(`refuses a change of any character of ${field}`, async () => {
    const text = full[field as keyof Collateral]!
    for (let at = 0; at < text.length; at++) {
      const spoiled = { ...full, [field]: flippedText(text, at, 1 << (at % 7)) }
      const code = await faultOf(verify({ collateral: spoiled, memory }))
      assert.match(code, codes, `character ${at}`)
    }
  })
}

test('refuses collateral cut off anywhere', async () => {
  for (const [field, text] of Object.entries(full)) {
    for (let length = 0; length < text.length; length += 3) {
      // Cut between two certificates, or before its last line end, a chain is a chain.
      if (/END CERTIFICATE-----\n?$/.test(text.slice(0, length))) continue
      const spoiled = { ...full, [field]: text.slice(0, length) }
      await faultOf(verify({ collateral: spoiled, memory }))
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
  const crl = fromHex(collateral.pck_crl)!
  const inputs = [
    [parseCertificate, leaf!.raw],
    [(der: Uint8Array) => openCrl(toHex(der), 'CRL').read(), crl],
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, toHex, VerificationError } from '@vorta/core'
import fc from 'fast-check'
import { attestationCodes } from './errors.ts'
import { parseQuote } from './quote.ts'

const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8)
const u32 = (value: number): Uint8Array => concat(u16(value & 0xffff), u16(value >>> 16))

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

/** Version, kind of enclave, body type as version 5 names it, and length of the body. */
const kinds = [
  [3, 'sgx', 0, 384],
  [4, 'sgx', 0, 384],
  [4, 'tdx', 0, 584],
  [5, 'sgx', 1, 384],
  [5, 'tdx', 2, 584],
  [5, 'tdx', 3, 648],
  [5, 'tdx', 4, 885],
] as const

const anyQuote = fc.constantFrom(...kinds).chain(([version, tee, bodyType, length]) =>
  fc.record({
    version: fc.constant(version),
    tee: fc.constant(tee),
    bodyType: fc.constant(bodyType),
    svns: bytes(4),
    userData: bytes(20),
    body: bytes(length),
    signature: bytes(64),
    attestationKey: bytes(64),
    qeReport: bytes(384),
    qeReportSignature: bytes(64),
    qeAuthData: fc.uint8Array({ maxLength: 100 }),
    certificationType: fc.integer({ min: 1, max: 5 }),
    certification: fc.uint8Array({ maxLength: 500 }),
    padding: fc.nat(100),
  }),
)

type Parts = typeof anyQuote extends fc.Arbitrary<infer T> ? T : never

function assemble(parts: Parts): { readonly signedData: Uint8Array; readonly quote: Uint8Array } {
  const { version, tee, body, qeAuthData, certification } = parts
  const signedData = concat(
    u16(version),
    u16(2),
    u32(tee === 'sgx' ? 0 : 0x81),
    parts.svns,
    Uint8Array.from(Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex')),
    parts.userData,
    ...(version === 5 ? [u16(parts.bodyType), u32(body.length)] : []),
    body,
  )
  const qe = concat(
    parts.qeReport,
    parts.qeReportSignature,
    u16(qeAuthData.length),
    qeAuthData,
    u16(parts.certificationType),
    u32(certification.length),
    certification,
  )
  const tail = version === 3 ? qe : concat(u16(6), u32(qe.length), qe)
  const auth = concat(parts.signature, parts.attestationKey, tail)
  const quote = concat(signedData, u32(auth.length), auth, new Uint8Array(parts.padding))
  return { signedData, quote }
}

test('reads back every part of a quote of any version', () => {
  fc.assert(
    fc.property(anyQuote, (parts) => {
      const { signedData, quote } = assemble(parts)
      const parsed = parseQuote(quote)
      assert.deepEqual([parsed.version, parsed.tee], [parts.version, parts.tee])
      const views = {
        signedData,
        signature: parts.signature,
        qeReportSignature: parts.qeReportSignature,
        qeAuthData: parts.qeAuthData,
      }
      for (const [name, expected] of Object.entries(views)) {
        assert.equal(toHex(parsed[name as keyof typeof views]), toHex(expected), name)
      }
      const { x, y } = parsed.attestationKey
      assert.equal(toHex(concat(x, y)), toHex(parts.attestationKey))
      assert.equal(toHex(parsed.qeReport.raw), toHex(parts.qeReport))
      assert.equal(parsed.certification.type, parts.certificationType)
      assert.equal(toHex(parsed.certification.data), toHex(parts.certification))
      assert.equal(parsed.padding, parts.padding)
      const at = parts.tee === 'sgx' ? 320 : 520
      assert.equal(toHex(parsed.reportData), toHex(parts.body.subarray(at, at + 64)))
    }),
    { numRuns: 300 },
  )
})

test('does not change what it was given, nor change with it', () => {
  fc.assert(
    fc.property(anyQuote, (parts) => {
      const { quote } = assemble(parts)
      const before = quote.slice()
      const parsed = parseQuote(quote)
      const seen = toHex(parsed.signedData)
      assert.deepEqual(quote, before)
      quote.fill(0xff)
      assert.equal(toHex(parsed.signedData), seen)
    }),
    { numRuns: 50 },
  )
})

test('refuses every shorter quote, and bytes behind it that are not zero', () => {
  fc.assert(
    fc.property(anyQuote, fc.nat(), fc.integer({ min: 1, max: 255 }), (parts, cut, byte) => {
      const { quote } = assemble({ ...parts, padding: 0 })
      assert.throws(() => parseQuote(quote.subarray(0, cut % quote.length)), {
        code: 'QUOTE_FORMAT',
      })
      assert.throws(() => parseQuote(concat(quote, Uint8Array.of(0, byte))), {
        code: 'QUOTE_FORMAT',
      })
    }),
    { numRuns: 200 },
  )
})

test('answers any bytes with a quote or a code, and never with another exception', () => {
  const answers = (input: Uint8Array): void => {
    try {
      parseQuote(input)
    } catch (error) {
      assert.ok(error instanceof VerificationError, String(error))
      assert.ok(error.code in attestationCodes)
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1500 }), answers), { numRuns: 1000 })
  // Good up to some offset, then anything: most random bytes end at the version.
  const grafted = fc
    .tuple(anyQuote, fc.nat(), fc.uint8Array({ maxLength: 200 }))
    .map(([parts, at, noise]) => {
      const { quote } = assemble(parts)
      const from = at % quote.length
      return concat(quote.subarray(0, from), noise, quote.subarray(from + noise.length))
    })
  fc.assert(fc.property(grafted, answers), { numRuns: 1000 })
})

// What is read from a request, and what is refused before anything is verified.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { AppraiseEvidenceRequestSchema } from '@vorta/api'
import { type Canonical, canonicalBytes, utf8 } from '@vorta/core'
import { canonicalOf, readEvidence, readPresented } from './presented.ts'
import { testEnclave } from './testkit/enclave.ts'

const enclave = testEnclave(Date.UTC(2026, 5, 1))
const evidence = enclave.evidence()
const read = (init: MessageInitShape<typeof AppraiseEvidenceRequestSchema>) =>
  readPresented(create(AppraiseEvidenceRequestSchema, init))

suite('a request', () => {
  const bytes = canonicalBytes(evidence as Canonical)
  const quote = enclave.quote(new Uint8Array(64))
  const collateral = canonicalBytes(enclave.collateral as Canonical)
  const reportData = { case: 'reportData', value: new Uint8Array(64) } as const

  test('gives evidence as it was sent, named by its digest', () => {
    const presented = read({ evidence: bytes })
    assert.deepEqual(canonicalOf(presented), bytes)
  })

  test('gives a quote with its collateral, event log and binding', () => {
    const presented = read({
      quote: { quote, collateral, eventLog: utf8('[]'), binding: reportData },
    })
    assert.ok(presented.kind === 'quote')
    assert.deepEqual(presented.collateral, { ...enclave.collateral })
    assert.equal(presented.eventLog, '[]')
    assert.deepEqual(presented.binding, { kind: 'report-data', data: new Uint8Array(64) })
  })

  test('is named by all that it presents', () => {
    const value = canonicalBytes(enclave.claimsFor(new Uint8Array(32)) as Canonical)
    const names = [
      { quote, binding: reportData },
      { quote, collateral, binding: reportData },
      { quote, binding: { case: 'userData', value: new Uint8Array(64) } as const },
      { quote, binding: { case: 'claims', value } as const },
      { quote, eventLog: utf8('[]'), binding: reportData },
    ].map((given) => Buffer.from(canonicalOf(read({ quote: given }))).toString())
    assert.equal(new Set(names).size, names.length)
  })

  for (const [what, text, code] of [
    ['no JSON', '{', 'MALFORMED_JSON'],
    ['nothing in it', '{}', 'INVALID_ARGUMENT'],
    ['another kind of JSON', '[]', 'INVALID_ARGUMENT'],
    ['too much', `{"a":"${'x'.repeat(1 << 20)}"}`, 'TOO_LARGE'],
    ['an unknown field', JSON.stringify({ ...evidence, extra: 1 }), 'INVALID_ARGUMENT'],
    ['an unknown kind', JSON.stringify({ ...evidence, tee: 'sev' }), 'INVALID_ARGUMENT'],
  ] as const) {
    test(`is refused with evidence that has ${what}`, () => {
      assert.throws(() => readEvidence(utf8(text)), { code })
    })
  }

  for (const [what, init, code] of [
    ['nothing', {}, 'INVALID_ARGUMENT'],
    ['both', { evidence: bytes, quote: { quote, binding: reportData } }, 'INVALID_ARGUMENT'],
    ['no binding', { quote: { quote } }, 'INVALID_ARGUMENT'],
    [
      'short report data',
      { quote: { quote, binding: { case: 'reportData', value: new Uint8Array(63) } } },
      'INVALID_ARGUMENT',
    ],
    [
      'claims that are not canonical',
      { quote: { quote, binding: { case: 'claims', value: utf8('{ "purpose": 1}') } } },
      'MALFORMED_JSON',
    ],
    [
      'a quote too large',
      { quote: { quote: new Uint8Array(65_537), binding: reportData } },
      'TOO_LARGE',
    ],
    [
      'user data too large',
      { quote: { quote, binding: { case: 'userData', value: new Uint8Array(65_537) } } },
      'TOO_LARGE',
    ],
    [
      'an event log that is no text',
      { quote: { quote, eventLog: Uint8Array.of(0xff), binding: reportData } },
      'INVALID_ARGUMENT',
    ],
    [
      'collateral of another kind',
      { quote: { quote, collateral: utf8('{}'), binding: reportData } },
      'INVALID_ARGUMENT',
    ],
  ] as const) {
    test(`is refused with ${what}`, () => {
      assert.throws(() => read(init), { code })
    })
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Canonical,
  canonicalBytes,
  fromUtf8,
  toHex,
  utf8,
  VerificationError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import { makePredicate, newLogKey } from '../test/make-receipt.ts'
import {
  decodeStatement,
  encodeStatement,
  makeStatement,
  type ReceiptStatement,
  requireSubject,
  verdictDocument,
} from './statement.ts'

const predicate = makePredicate(newLogKey())
const statement = makeStatement(nodeCrypto, predicate)
const coded = (code: string) => (thrown: unknown) =>
  thrown instanceof VerificationError && thrown.code === code

test('a statement comes back from its payload as it was', () => {
  const payload = encodeStatement(statement)
  assert.deepEqual(encodeStatement(decodeStatement(payload)), payload)
  requireSubject(nodeCrypto, decodeStatement(payload))
})

test('a statement says which inputs were sealed, and by which release they were opened', () => {
  const sealed = { inputs: ['publicInputs', 'proof'], release: 'ab'.repeat(32) } as const
  const about = makeStatement(nodeCrypto, { ...predicate, sealed })
  assert.deepEqual(decodeStatement(encodeStatement(about)).predicate.sealed, sealed)
})

test('the verdict document says what was decided about what', () => {
  const { proof } = predicate
  assert.equal(
    fromUtf8(verdictDocument(proof)),
    `{"curve":"bn254","publicInputs":"${proof.publicInputs}","system":"groth16",` +
      `"verdict":"valid","verificationKey":"${proof.verificationKey}"}`,
  )
  const invalid = { ...proof, verdict: 'invalid', code: 'PAIRING_MISMATCH' } as const
  assert.match(fromUtf8(verdictDocument(invalid)) ?? '', /"code":"PAIRING_MISMATCH"/)
  assert.deepEqual(statement.subject, [
    {
      name: 'verdict.json',
      digest: { sha256: toHex(nodeCrypto.sha256(verdictDocument(proof))) },
    },
  ])
})

test('refuses a subject other than the verdict document', () => {
  const [output = assert.fail()] = statement.subject
  const subjects: ReceiptStatement['subject'][] = [
    [],
    [{ ...output, name: 'verdict' }],
    [{ ...output, digest: { sha256: '00'.repeat(32) } }],
    [output, { ...output, name: 'more.json' }],
  ]
  for (const subject of subjects) {
    const wrong = decodeStatement(encodeStatement({ ...statement, subject }))
    assert.throws(() => requireSubject(nodeCrypto, wrong), coded('SUBJECT_MISMATCH'))
  }
})

test('refuses payloads that are not a statement of this version', () => {
  const { proof } = predicate
  const [output = assert.fail()] = statement.subject
  const changed = (change: object) => ({ ...statement, predicate: { ...predicate, ...change } })
  const changedProof = (change: object) => changed({ proof: { ...proof, ...change } })
  const wrong: Record<string, unknown> = {
    'another statement type': { ...statement, _type: 'https://in-toto.io/Statement/v0.1' },
    'another predicate type': { ...statement, predicateType: 'https://slsa.dev/provenance/v1' },
    'an unknown field': { ...statement, extra: 1 },
    'an unknown field in the predicate': changed({ extra: 1 }),
    'an output twice': { ...statement, subject: [output, output] },
    'no job': changed({ job: undefined }),
    'attempt zero': changed({ attempt: { number: 0, token: '00' } }),
    'an odd token': changed({ attempt: { number: 1, token: '000' } }),
    'another enclave': changed({ enclave: { kind: 'sev' } }),
    'a time with an offset': changed({ startedOn: '2026-01-01T00:00:00+00:00' }),
    'a thirtieth of February': changed({ startedOn: '2026-02-30T00:00:00Z' }),
    'a digest in capitals': changed({ trace: 'AB'.repeat(32) }),
    'no log key': changed({ log: { origin: 'log.example/simulated', key: 'key' } }),
    'a verdict of its own': changedProof({ verdict: 'maybe' }),
    'a valid proof with a code': changedProof({ code: 'PAIRING_MISMATCH' }),
    'an invalid proof without a code': changedProof({ verdict: 'invalid' }),
    'no sealed input': changed({ sealed: { inputs: [], release: 'ab'.repeat(32) } }),
    'a sealed input twice': changed({
      sealed: { inputs: ['proof', 'proof'], release: 'ab'.repeat(32) },
    }),
    'a sealed input without a release': changed({ sealed: { inputs: ['proof'] } }),
    'a list': [],
    null: null,
  }
  for (const [name, value] of Object.entries(wrong)) {
    const payload = canonicalBytes(value as Canonical)
    assert.throws(() => decodeStatement(payload), coded('STATEMENT_MALFORMED'), name)
  }
})

test('refuses payloads that are not canonical JSON', () => {
  const text = fromUtf8(encodeStatement(statement)) ?? ''
  const wrong = {
    empty: utf8(''),
    'a space': utf8(text.replace('{', '{ ')),
    'a newline at the end': utf8(`${text}\n`),
    'a key twice': utf8(text.replace('{', '{"_type":"https://in-toto.io/Statement/v1",')),
    'another order': utf8(JSON.stringify(JSON.parse(text), ['predicateType', '_type'])),
    'an escape without need': utf8(text.replace('jobs/', 'jobs\\/')),
    'a fraction': utf8(text.replace('"number":1', '"number":1.5')),
    'not UTF-8': Uint8Array.of(0xff),
    'deep nesting': utf8('['.repeat(1000)),
    'too long': new Uint8Array(100_000),
  }
  for (const [name, payload] of Object.entries(wrong)) {
    assert.throws(() => decodeStatement(payload), coded('STATEMENT_MALFORMED'), name)
  }
})

test('no payload makes the decoder throw anything without a code', () => {
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map(utf8),
    fc
      .tuple(fc.integer({ min: 0, max: encodeStatement(statement).length - 1 }), fc.nat(255))
      .map(([at, byte]) => encodeStatement(statement).with(at, byte)),
  )
  fc.assert(
    fc.property(payloads, (payload) => {
      try {
        decodeStatement(payload)
      } catch (thrown) {
        assert.ok(coded('STATEMENT_MALFORMED')(thrown))
      }
    }),
    { numRuns: 500 },
  )
})

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, fromBinary, fromJson, fromJsonString, toBinary, toJson } from '@bufbuild/protobuf'
import { JobSpecSchema } from '@vorta/api'
import { concat, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { type SpecInit, specOf, testSpec } from '../testkit/parts.ts'
import { specDefaults, specMessage, validateSpec } from './spec.ts'

const digest = `sha256:${'0'.repeat(64)}`
const sha256 = (bytes: Uint8Array) => toHex(nodeCrypto.sha256(bytes))
const worker = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`)

suite('a job spec', () => {
  test('gets defaults on reading that are not written back', () => {
    const valid = validateSpec(testSpec())
    assert.equal(valid.timeoutMs, specDefaults.timeoutMs)
    assert.equal(valid.maxAttempts, specDefaults.maxAttempts)
    assert.equal(valid.priority, specDefaults.priority)
    assert.deepEqual(valid.requirements.tees, [])
    assert.equal(valid.requirements.memory, 0)
    assert.doesNotMatch(new TextDecoder().decode(valid.canonical), /timeout|priority|retry/)
  })

  test('says what it needs', () => {
    const { requirements, timeoutMs, maxAttempts, priority } = validateSpec(
      testSpec({
        resources: { memoryBytes: 2n ** 40n, epcBytes: 5n },
        placement: { tees: ['sgx', 'tdx', 'simulated'], workers: ['w1'] },
        timeout: { seconds: 86_400n, nanos: 0 },
        retry: { maxAttempts: 20 },
        priority: 100,
      }),
    )
    assert.deepEqual(requirements, {
      ...requirements,
      tees: ['sgx', 'tdx', 'simulated'],
      workers: ['w1'],
      memory: 2 ** 40,
      epc: 5,
    })
    assert.deepEqual([timeoutMs, maxAttempts, priority], [86_400_000, 20, 100])
  })

  test('names an artifact once, however often it uses it', () => {
    const same = { verificationKey: digest, publicInputs: digest, proof: digest }
    assert.deepEqual(validateSpec(testSpec(specOf(same))).requirements.artifacts, [digest])
  })

  const wrong: [field: string, spec: SpecInit][] = [
    ['proof', { work: { case: undefined } }],
    ['proof.system', specOf({ system: '' })],
    ['proof.system', specOf({ system: 'Groth16' })],
    ['proof.curve', specOf({ curve: 'x'.repeat(33) })],
    ['proof.encoding', specOf({ encoding: '-' })],
    ['proof.verificationKey', specOf({ verificationKey: '' })],
    ['proof.publicInputs', specOf({ publicInputs: `sha256:${'F'.repeat(64)}` })],
    ['proof.proof', specOf({ proof: `sha512:${'0'.repeat(64)}` })],
    ['resources.memoryBytes', { resources: { memoryBytes: -1n } }],
    ['resources.memoryBytes', { resources: { memoryBytes: 2n ** 40n + 1n } }],
    ['resources.epcBytes', { resources: { epcBytes: -(2n ** 62n) } }],
    ['placement.tees', { placement: { tees: ['sev'] } }],
    ['placement.workers', { placement: { workers: worker(101) } }],
    ['placement.workers', { placement: { workers: ['W1'] } }],
    ['timeout', { timeout: { seconds: 0n, nanos: 99_000_000 } }],
    ['timeout', { timeout: { seconds: 86_401n, nanos: 0 } }],
    ['timeout', { timeout: { seconds: -5n, nanos: 0 } }],
    ['timeout.nanos', { timeout: { seconds: 1n, nanos: 2_000_000_000 } }],
    ['timeout.nanos', { timeout: { seconds: 5n, nanos: -1 } }],
    ['retry.maxAttempts', { retry: { maxAttempts: 21 } }],
    ['retry.maxAttempts', { retry: { maxAttempts: -1 } }],
    ['priority', { priority: 101 }],
    ['priority', { priority: -1 }],
    ['sealed.inputs', { sealed: { inputs: [], keyCommitment: '00'.repeat(32) } }],
    ['sealed.inputs', { sealed: { inputs: ['proof', 'proof'], keyCommitment: '00'.repeat(32) } }],
    ['sealed.inputs', { sealed: { inputs: ['witness'], keyCommitment: '00'.repeat(32) } }],
    ['sealed.keyCommitment', { sealed: { inputs: ['proof'], keyCommitment: 'AB'.repeat(32) } }],
    ['sealed.keyCommitment', { sealed: { inputs: ['proof'] } }],
    ['proof', { placement: { tees: Array(4000).fill('sgx') } }],
  ]
  for (const [field, spec] of wrong) {
    const shown = JSON.stringify(spec, (_, value) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    test(`is refused for ${field}: ${shown.slice(0, 60)}`, () => {
      assert.throws(
        () => validateSpec(testSpec(spec)),
        ({ code, meta, message }) => {
          assert.equal(code, 'INVALID_JOB_SPEC')
          assert.equal(meta.field, `spec.${field}`)
          assert.ok(message.length < 300)
          return true
        },
      )
    })
  }

  test('is refused when there is none, and does not echo what is long', () => {
    assert.throws(() => validateSpec(undefined), { code: 'INVALID_JOB_SPEC' })
    const system = 'x'.repeat(1_000_000)
    assert.throws(
      () => validateSpec(testSpec(specOf({ system }))),
      ({ message }) => message.length < 300,
    )
  })

  test('is refused for unknown binary fields, at every depth', () => {
    // Field 99, a varint; and a member (tag, length) that consists of only that.
    const unknown = Uint8Array.of(0x98, 0x06, 0x01)
    const bytes = toBinary(JobSpecSchema, testSpec())
    const inside = (tag: number) => Uint8Array.of((tag << 3) | 2, unknown.length, ...unknown)
    for (const [extra, field] of [
      [unknown, 'spec'],
      [inside(1), 'spec.proof'],
      [inside(2), 'spec.resources'],
      [inside(3), 'spec.placement'],
      [inside(4), 'spec.timeout'],
      [inside(5), 'spec.retry'],
      [inside(7), 'spec.sealed'],
    ] as const) {
      const spec = fromBinary(JobSpecSchema, concat(bytes, extra))
      assert.throws(() => validateSpec(spec), {
        code: 'INVALID_JOB_SPEC',
        message: `${field}: unknown field number 99`,
      })
    }
  })

  test('has one digest, whatever way it came', () => {
    const spec = testSpec({ priority: 7, resources: { memoryBytes: 1n } })
    const expected = sha256(validateSpec(spec).canonical)
    const json = toJson(JobSpecSchema, spec) as Record<string, unknown>
    const reordered = Object.fromEntries(Object.entries(json).reverse())
    const snake = JSON.stringify(json).replace('memoryBytes', 'memory_bytes')
    for (const other of [
      fromBinary(JobSpecSchema, toBinary(JobSpecSchema, spec)),
      fromJson(JobSpecSchema, reordered as never),
      fromJsonString(JobSpecSchema, snake),
      create(JobSpecSchema, { ...spec, placement: undefined as never }),
      specMessage(validateSpec(spec).canonical),
    ]) {
      assert.equal(sha256(validateSpec(other).canonical), expected)
    }
  })

  test('is hashed as its fields in order, and nothing else', () => {
    const { canonical, proof } = validateSpec(
      testSpec({ priority: 7, resources: { epcBytes: 1n } }),
    )
    const fields =
      `"curve":"bn254","encoding":"snarkjs","proof":"${proof.proof}",` +
      `"publicInputs":"${proof.publicInputs}","system":"groth16",` +
      `"verificationKey":"${proof.verificationKey}"`
    assert.equal(
      new TextDecoder().decode(canonical),
      `{"priority":7,"proof":{${fields}},"resources":{"epcBytes":"1"}}`,
    )
  })
})

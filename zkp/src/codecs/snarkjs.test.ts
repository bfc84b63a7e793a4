import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '@vorta/core'
import fc from 'fast-check'
import { curves } from '../curves.ts'
import { maxKeyBytes, maxProofBytes, maxPublicInputs, maxPublicInputsBytes } from '../limits.ts'
import { curveNames, sample } from '../testkit/samples.ts'
import { jsonBytes, keyJson, proofJson } from '../testkit/snarkjs.ts'
import { createSnarkjsCodec } from './snarkjs.ts'

const code = (expected: string) => (thrown: unknown) => {
  assert.equal((thrown as { code?: unknown }).code, expected)
  assert.equal((thrown as Error).name, 'VerificationError')
  return true
}

const bn254 = createSnarkjsCodec(curves.bn254)
const honest = sample('bn254')
const proof = proofJson('bn254', honest.proof)
const key = keyJson('bn254', honest.key)

const readProof = (value: unknown) => () => bn254.proof(jsonBytes(value))
const readInputs = (value: unknown) => () => bn254.publicInputs(jsonBytes(value))
const readKey = (value: unknown) => () => bn254.verificationKey(jsonBytes(value))

for (const name of curveNames) {
  test(`reads back what was written on ${name}`, () => {
    const codec = createSnarkjsCodec(curves[name])
    const written = sample(name)
    assert.deepEqual(codec.proof(jsonBytes(proofJson(name, written.proof))), written.proof)
    assert.deepEqual(codec.verificationKey(jsonBytes(keyJson(name, written.key))), written.key)
    assert.deepEqual(codec.publicInputs(jsonBytes(['7', '11'])), written.inputs)
  })
}

test('takes a proof without a curve, as rapidsnark writes it', () => {
  const { curve: _, ...rest } = proof
  assert.deepEqual(bn254.proof(jsonBytes(rest)), honest.proof)
})

describe('P1: a public input has one spelling', () => {
  const { r } = curves.bn254
  test('takes the largest, r - 1', () => {
    assert.deepEqual(readInputs([`${r - 1n}`])(), [r - 1n])
  })
  for (const value of [r, r + 7n]) {
    test(`refuses ${value === r ? 'r' : 'x + r'}`, () => {
      assert.throws(readInputs([`${value}`]), code('PUBLIC_INPUT_RANGE'))
    })
  }
})

describe('P2: a coordinate has one spelling', () => {
  const { p } = curves.bn254
  const { a, b } = honest.proof
  test('refuses A.x + p', () => {
    const aliased = { ...proof, pi_a: [`${a.x + p}`, `${a.y}`, '1'] }
    assert.throws(readProof(aliased), code('COORDINATE_RANGE'))
  })
  test('refuses B.y.c1 + p', () => {
    const aliased = { ...proof, pi_b: [proof.pi_b[0], [`${b.y[0]}`, `${b.y[1] + p}`], ['1', '0']] }
    assert.throws(readProof(aliased), code('COORDINATE_RANGE'))
  })
  test('refuses p in a verification key', () => {
    assert.throws(readKey({ ...key, vk_alpha_1: [`${p}`, '1', '1'] }), code('COORDINATE_RANGE'))
  })
})

describe('P5: infinity has one spelling, and every other z is refused', () => {
  test('reads infinity as snarkjs writes it', () => {
    const g2 = [
      ['0', '0'],
      ['1', '0'],
      ['0', '0'],
    ]
    const found = readProof({ ...proof, pi_a: ['0', '1', '0'], pi_b: g2 })()
    assert.equal(found.a, 'infinity')
    assert.equal(found.b, 'infinity')
  })
  for (const z of ['0', '2', '-1', '01', 1, null]) {
    test(`refuses z = ${JSON.stringify(z)} with affine x and y`, () => {
      assert.throws(
        readProof({ ...proof, pi_a: [...proof.pi_a.slice(0, 2), z] }),
        code('MALFORMED_PROOF'),
      )
    })
  }
  test('refuses z of B other than 1', () => {
    for (const z of [['1', '1'], ['0', '0'], ['2', '0'], ['1'], '1']) {
      assert.throws(
        readProof({ ...proof, pi_b: [...proof.pi_b.slice(0, 2), z] }),
        code('MALFORMED_PROOF'),
      )
    }
  })
})

describe('P8: a number is a plain decimal string', () => {
  const spellings = [
    7,
    7.5,
    9007199254740992,
    '',
    ' 7',
    '7 ',
    '+7',
    '-7',
    '-0',
    '07',
    '00',
    '0x7',
    '0b1',
    '1e3',
    '7.0',
    '7n',
    '1_000',
    '٧',
    '７',
    '7\n',
    '7\u0000',
    null,
    true,
    ['7'],
    { toString: '7' },
  ]
  for (const spelling of spellings) {
    test(`refuses ${JSON.stringify(spelling)}`, () => {
      assert.throws(readInputs([spelling]), code('MALFORMED_PUBLIC_INPUTS'))
      assert.throws(readProof({ ...proof, pi_c: [spelling, '2', '1'] }), code('MALFORMED_PROOF'))
      assert.throws(readKey({ ...key, vk_alpha_1: [spelling, '2', '1'] }), code('MALFORMED_KEY'))
    })
  }
  test('refuses a number longer than the modulus before computing it', () => {
    assert.throws(readInputs(['1'.repeat(78)]), code('MALFORMED_PUBLIC_INPUTS'))
  })
})

describe('P9: limits come before parsing', () => {
  // These are not JSON, so a parser that saw them would say MALFORMED_…
  const notJson = (size: number) => new Uint8Array(size).fill(0x5b)
  test('refuses what is one byte too large', () => {
    assert.throws(() => bn254.proof(notJson(maxProofBytes + 1)), code('SIZE_LIMIT'))
    assert.throws(() => bn254.publicInputs(notJson(maxPublicInputsBytes + 1)), code('SIZE_LIMIT'))
    assert.throws(() => bn254.verificationKey(notJson(maxKeyBytes + 1)), code('SIZE_LIMIT'))
  })
  test('refuses a string of 10 MB', () => {
    assert.throws(readInputs(['1'.repeat(10_000_000)]), code('SIZE_LIMIT'))
    assert.throws(readProof({ ...proof, pi_a: ['1'.repeat(10_000_000)] }), code('SIZE_LIMIT'))
  })
  test('refuses a million public inputs', () => {
    assert.throws(readInputs(new Array(1_000_000).fill('1')), code('SIZE_LIMIT'))
  })
  test('takes the most public inputs there may be, indented, and not one more', () => {
    const largest = `${curves['bls12-381'].r - 1n}`
    const codec = createSnarkjsCodec(curves['bls12-381'])
    const most = new Array(maxPublicInputs).fill(largest)
    assert.equal(codec.publicInputs(utf8(JSON.stringify(most, null, 1))).length, maxPublicInputs)
    assert.throws(readInputs([...most.fill('1'), '1']), code('MALFORMED_PUBLIC_INPUTS'))
  })
  test('takes a key for the most public inputs, indented', () => {
    const codec = createSnarkjsCodec(curves['bls12-381'])
    const wide = keyJson('bls12-381', sample('bls12-381').key)
    const largest = `${curves['bls12-381'].p - 1n}`
    const ic = new Array(maxPublicInputs + 1).fill([largest, largest, '1'])
    const text = JSON.stringify({ ...wide, nPublic: maxPublicInputs, IC: ic }, null, 1)
    assert.equal(codec.verificationKey(utf8(text)).ic.length, maxPublicInputs + 1)
  })
  test('refuses deep nesting', () => {
    const deep = utf8('['.repeat(1000) + ']'.repeat(1000))
    assert.throws(() => bn254.proof(deep), code('MALFORMED_PROOF'))
    assert.throws(() => bn254.publicInputs(deep), code('MALFORMED_PUBLIC_INPUTS'))
    assert.throws(() => bn254.verificationKey(deep), code('MALFORMED_KEY'))
  })
  test('refuses a repeated key', () => {
    const text = JSON.stringify(proof).replace('{', '{"protocol":"groth16",')
    assert.throws(() => bn254.proof(utf8(text)), code('MALFORMED_PROOF'))
  })
  for (const member of ['__proto__', 'constructor', 'toString', 'extra']) {
    test(`refuses the member ${member}`, () => {
      const text = JSON.stringify(proof).replace('{', `{"${member}":{"pi_a":1},`)
      assert.throws(() => bn254.proof(utf8(text)), code('MALFORMED_PROOF'))
    })
  }
})

describe('the shape', () => {
  for (const [what, bytes] of [
    ['nothing', new Uint8Array()],
    ['text', utf8('proof')],
    ['a byte order mark', utf8(`\ufeff${JSON.stringify(proof)}`)],
    ['what is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['something after the document', utf8(`${JSON.stringify(proof)} {}`)],
    ['null', utf8('null')],
    ['a list', utf8('[]')],
  ] as const) {
    test(`refuses ${what} for a proof`, () => {
      assert.throws(() => bn254.proof(bytes), code('MALFORMED_PROOF'))
    })
  }
  test('refuses a proof that lacks a member', () => {
    for (const member of ['pi_a', 'pi_b', 'pi_c', 'protocol']) {
      assert.throws(readProof({ ...proof, [member]: undefined }), code('MALFORMED_PROOF'))
    }
  })
  test('refuses another protocol or curve', () => {
    for (const change of [{ protocol: 'plonk' }, { curve: 'bls12381' }, { curve: 'bn254' }]) {
      assert.throws(readProof({ ...proof, ...change }), code('MALFORMED_PROOF'))
      assert.throws(readKey({ ...key, ...change }), code('MALFORMED_KEY'))
    }
  })
  test('refuses a point with too few or too many coordinates', () => {
    for (const point of [
      [],
      ['1', '2'],
      ['1', '2', '1', '1'],
      [
        ['1', '0'],
        ['2', '0'],
        ['1', '0'],
      ],
    ]) {
      assert.throws(readProof({ ...proof, pi_a: point }), code('MALFORMED_PROOF'))
    }
    assert.throws(readProof({ ...proof, pi_b: proof.pi_a }), code('MALFORMED_PROOF'))
  })
  test('refuses public inputs in an object', () => {
    assert.throws(readInputs({ 0: '7' }), code('MALFORMED_PUBLIC_INPUTS'))
  })
})

test('K3: refuses a key whose nPublic is not the number of points less one', () => {
  assert.throws(readKey({ ...key, nPublic: 1 }), code('MALFORMED_KEY'))
  assert.throws(readKey({ ...key, nPublic: 3 }), code('MALFORMED_KEY'))
  assert.throws(readKey({ ...key, nPublic: -1, IC: [] }), code('MALFORMED_KEY'))
  assert.throws(readKey({ ...key, nPublic: 2.5 }), code('MALFORMED_KEY'))
})

test('throws nothing but refusals, whatever the bytes', () => {
  const whole = jsonBytes(proof)
  const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 })
  const refusals = ['MALFORMED_PROOF', 'COORDINATE_RANGE', 'SIZE_LIMIT']
  fc.assert(
    fc.property(edits, fc.nat(whole.length), (changes, end) => {
      const bytes = whole.slice(0, end > 40 ? whole.length : end)
      for (const [at, byte] of changes) bytes[at] = byte
      try {
        bn254.proof(bytes)
      } catch (thrown) {
        assert.ok(refusals.includes((thrown as { code: string }).code))
      }
    }),
    { numRuns: 500 },
  )
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { utf8 } from '@vorta/core'
import { type CurveName, curves } from '../curves.ts'
import { maxKeyBytes, maxPreparedKeys } from '../limits.ts'
import { sample, secrets } from '../testkit/samples.ts'
import { jsonBytes, keyJson, proofJson, snarkjsRequest } from '../testkit/snarkjs.ts'
import {
  fromNobleG1,
  fromNobleG2,
  holds,
  toNobleG1,
  toNobleG2,
  trapdoorKey,
} from '../testkit/trapdoor.ts'
import { readVector, vectorPoints, withoutVectors } from '../testkit/vectors.ts'
import type { ProofRequest, ProofSystem } from '../types.ts'
import { createGroth16 } from './system.ts'

let groth16: ProofSystem
before(async () => {
  groth16 = await createGroth16()
})

/** 'valid', or the code of the verdict or of the refusal. */
async function judge(request: ProofRequest): Promise<string> {
  const [outcome] = await groth16.verifyBatch([request])
  return 'verdict' in outcome! && outcome.verdict === 'valid' ? 'valid' : outcome!.code
}

const honest = sample('bn254')
const request = snarkjsRequest('bn254', honest.key, honest.proof, honest.inputs)

describe('proofs made by others', { skip: withoutVectors }, () => {
  for (const [file, curve] of [
    ['snarkjs-bls12381-garaga.json', 'bls12-381'],
    ['snarkjs-risc0-multiplier.json', 'bn254'],
    ['risc0-groth16-v5_0.json', 'bn254'],
    ['gnark-json-cubic-garaga.json', 'bn254'],
    ['sp1-v5.0.0-groth16-garaga.json', 'bn254'],
    ['gnark-binary-groth16-aligned.json', 'bn254'],
  ] as const satisfies readonly (readonly [string, CurveName])[]) {
    test(`accepts ${file} and none of its alterations`, async () => {
      const { key, proof, inputs } = vectorPoints(file)
      const { p, r } = curves[curve]
      const altered = (points: typeof proof, said = inputs) =>
        judge(snarkjsRequest(curve, key, points, said))
      assert.equal(await altered(proof), 'valid')

      const last = inputs.at(-1)!
      assert.equal(await altered(proof, inputs.with(-1, (last + 1n) % r)), 'PAIRING_MISMATCH')
      assert.equal(await altered({ ...proof, a: proof.c, c: proof.a }), 'PAIRING_MISMATCH')
      const negated = { x: proof.a.x, y: p - proof.a.y }
      assert.equal(await altered({ ...proof, a: negated }), 'PAIRING_MISMATCH')
      const aliased = { x: proof.a.x + p, y: proof.a.y }
      assert.match(await altered({ ...proof, a: aliased }), /^(COORDINATE_RANGE|MALFORMED_PROOF)$/)
    })
  }

  test('accepts snarkjs-bls12381-garaga.json as it was published', async () => {
    const { raw } = readVector('snarkjs-bls12381-garaga.json')
    const published: ProofRequest = {
      system: 'groth16',
      curve: 'bls12-381',
      encoding: 'snarkjs',
      verificationKey: jsonBytes(raw.vk),
      publicInputs: jsonBytes(raw.public),
      proof: jsonBytes(raw.proof),
    }
    assert.equal(await judge(published), 'valid')
    assert.equal(await judge({ ...published, curve: 'bn254' }), 'MALFORMED_PROOF')
  })

  test('K1: refuses the key of snarkjs-bn254-garaga.json, which nobody contributed to', async () => {
    // The equation holds for its proof, as it would for a forged one: delta = gamma.
    const { key, proof, inputs } = vectorPoints('snarkjs-bn254-garaga.json')
    assert.deepEqual(key.delta, key.gamma)
    assert.equal(holds('bn254', key, proof, inputs), true)
    assert.equal(await judge(snarkjsRequest('bn254', key, proof, inputs)), 'KEY_DEGENERATE')
  })

  test('K1: refuses the key of a forged proof that snarkjs accepts', async () => {
    const { vk, proof, pub } = readVector('forged-gamma-delta.json') as unknown as {
      readonly [member: string]: unknown
    }
    const forged = {
      ...request,
      verificationKey: jsonBytes(vk),
      publicInputs: jsonBytes(pub),
      proof: jsonBytes(proof),
    }
    assert.equal(await judge(forged), 'KEY_DEGENERATE')
  })
})

describe('the committed example', () => {
  const artifact = (name: string) =>
    readFileSync(join(import.meta.dirname, '../../../artifacts', name))
  const example: ProofRequest = {
    ...request,
    verificationKey: artifact('verification_key.json'),
    publicInputs: artifact('public.json'),
    proof: artifact('proof.bin'),
  }

  test('is valid', async () => {
    assert.equal(await judge(example), 'valid')
  })
  test('is invalid for another number', async () => {
    const other = { ...example, publicInputs: utf8('["151059027439332767049977454450760542601"]') }
    assert.equal(await judge(other), 'PAIRING_MISMATCH')
  })
  test('says what jobs/example_job.json names', () => {
    const folder = join(import.meta.dirname, '../../../jobs')
    const job = JSON.parse(readFileSync(join(folder, 'example_job.json'), 'utf8'))
    const { system, curve, encoding, verificationKey, publicInputs } = job.proof
    assert.deepEqual(
      { system, curve, encoding },
      {
        system: example.system,
        curve: example.curve,
        encoding: example.encoding,
      },
    )
    assert.deepEqual(readFileSync(join(folder, verificationKey)), example.verificationKey)
    assert.deepEqual(readFileSync(join(folder, publicInputs)), example.publicInputs)
  })
})

test('P5: a proof with a point at infinity is invalid, whatever the equation says', async () => {
  const { pi_a, pi_b, pi_c, ...rest } = proofJson('bn254', honest.proof)
  const g1 = ['0', '1', '0']
  const g2 = [
    ['0', '0'],
    ['1', '0'],
    ['0', '0'],
  ]
  for (const change of [{ pi_a: g1 }, { pi_b: g2 }, { pi_c: g1 }]) {
    const proof = jsonBytes({ pi_a, pi_b, pi_c, ...rest, ...change })
    assert.equal(await judge({ ...request, proof }), 'POINT_AT_INFINITY')
  }
})

test('P6: accepts re-randomised proofs, which are valid by design', async () => {
  const { a, b, c } = honest.proof
  const proof = {
    a: fromNobleG1(toNobleG1('bn254', a).negate()),
    b: fromNobleG2(toNobleG2('bn254', b).negate()),
    c,
  }
  assert.equal(await judge({ ...request, proof: jsonBytes(proofJson('bn254', proof)) }), 'valid')
})

test('P7: refuses too few and too many public inputs', async () => {
  for (const inputs of [[], ['7'], ['7', '11', '0'], ['7', '11', '13']]) {
    assert.equal(await judge({ ...request, publicInputs: jsonBytes(inputs) }), 'PUBLIC_INPUT_COUNT')
  }
})

test('K3: refuses a key with a wrong vk_alphabeta_12', async () => {
  const fp6 = new Array(3).fill(['1', '0'])
  const verificationKey = jsonBytes({
    ...keyJson('bn254', honest.key),
    vk_alphabeta_12: [fp6, fp6],
  })
  assert.equal(await judge({ ...request, verificationKey }), 'KEY_INCONSISTENT')
})

test('K5: a proof is invalid under the key of another setup', async () => {
  const verificationKey = jsonBytes(
    keyJson('bn254', trapdoorKey('bn254', { ...secrets, alpha: secrets.alpha + 1n })),
  )
  assert.equal(await judge(request), 'valid')
  assert.equal(await judge({ ...request, verificationKey }), 'PAIRING_MISMATCH')
  assert.equal(await judge(request), 'valid')
})

test('judges rightly when more keys are in use than are kept', async () => {
  const text = JSON.stringify(keyJson('bn254', honest.key))
  for (let spaces = 0; spaces <= maxPreparedKeys; spaces++) {
    const verificationKey = utf8(text + ' '.repeat(spaces))
    assert.equal(await judge({ ...request, verificationKey }), 'valid')
  }
  assert.equal(await judge(request), 'valid')
})

test('refuses an oversized key', async () => {
  const verificationKey = new Uint8Array(maxKeyBytes + 1)
  assert.equal(await judge({ ...request, verificationKey }), 'SIZE_LIMIT')
})

test('refuses curves and encodings it does not have', async () => {
  for (const curve of ['bls12-377', '', '__proto__', 'constructor']) {
    assert.equal(await judge({ ...request, curve: curve as never }), 'CURVE_UNSUPPORTED')
  }
  for (const encoding of ['gnark', '', 'toString']) {
    assert.equal(await judge({ ...request, encoding: encoding as never }), 'ENCODING_UNSUPPORTED')
  }
})

test('refuses with a code even what is no request at all', async () => {
  assert.equal(await judge({ ...request, proof: null as never }), 'ENGINE_FAILED')
})

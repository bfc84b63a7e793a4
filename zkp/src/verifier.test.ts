import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { VerificationError } from '@vorta/core'
import { proofCodes } from './codes.ts'
import { createGroth16 } from './groth16/system.ts'
import { mclName } from './mcl/module.ts'
import { sample } from './testkit/samples.ts'
import { snarkjsRequest } from './testkit/snarkjs.ts'
import type { ProofRequest } from './types.ts'
import { createVerifier, startVerifier, type Verifier } from './verifier.ts'

let verifier: Verifier
before(async () => {
  verifier = await createVerifier()
})

const requestOf = (curve: 'bn254' | 'bls12-381', inputs?: readonly bigint[]): ProofRequest => {
  const { key, proof, inputs: honest } = sample(curve)
  return snarkjsRequest(curve, key, proof, inputs ?? honest)
}

test('says what it verifies, and with what', () => {
  const [groth16] = verifier.systems
  assert.deepEqual(
    verifier.systems.map(({ name }) => name),
    ['groth16'],
  )
  assert.deepEqual(groth16?.curves, ['bn254', 'bls12-381'])
  assert.deepEqual(groth16?.encodings, ['snarkjs'])
  assert.match(groth16!.version, /^\d+\.\d+\.\d+$/)
})

test('names the release of mcl-wasm that is installed', () => {
  const { version } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../node_modules/mcl-wasm/package.json'), 'utf8'),
  )
  assert.equal(verifier.systems[0]?.engine, mclName)
  assert.equal(mclName, `mcl-wasm/${version}`)
})

test('verifies both curves in turn', async () => {
  for (const curve of ['bn254', 'bls12-381', 'bn254'] as const) {
    assert.deepEqual(await verifier.verify(requestOf(curve)), { verdict: 'valid' })
  }
})

test('says why a proof is invalid', async () => {
  const verdict = await verifier.verify(requestOf('bn254', [7n, 12n]))
  assert.equal(verdict.verdict, 'invalid')
  assert.ok(verdict.verdict === 'invalid' && verdict.code === 'PAIRING_MISMATCH')
  assert.match(verdict.detail, /pairing equation does not hold/)
})

test('throws for a system it does not have', async () => {
  await assert.rejects(verifier.verify({ ...requestOf('bn254'), system: 'plonk' as never }), {
    name: 'VerificationError',
    code: 'SYSTEM_UNSUPPORTED',
  })
})

test('answers a batch in order, refusals included', async () => {
  const outcomes = await verifier.verifyBatch([
    requestOf('bn254'),
    { ...requestOf('bn254'), system: 'plonk' as never },
    requestOf('bls12-381', [1n, 2n]),
    { ...requestOf('bn254'), proof: new Uint8Array() },
    requestOf('bls12-381'),
  ])
  const codes = outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.verdict))
  assert.deepEqual(codes, [
    'valid',
    'SYSTEM_UNSUPPORTED',
    'PAIRING_MISMATCH',
    'MALFORMED_PROOF',
    'valid',
  ])
  for (const index of [1, 3]) assert.ok(outcomes[index] instanceof VerificationError)
  for (const code of codes) assert.ok(code === 'valid' || Object.hasOwn(proofCodes, code))
})

test('answers an empty batch', async () => {
  assert.deepEqual(await verifier.verifyBatch([]), [])
})

test('lets the event loop run between the proofs of a batch', async () => {
  const batch = verifier.verifyBatch(new Array(4).fill(requestOf('bn254')))
  let turns = 0
  const count = () => {
    turns++
    turn = setImmediate(count)
  }
  let turn = setImmediate(count)
  await batch
  clearImmediate(turn)
  assert.ok(turns >= 3, `the loop ran ${turns} times`)
})

test('refuses to start with a system that calls everything valid', async () => {
  const credulous = {
    ...(await createGroth16()),
    verify: async () => ({ verdict: 'valid' }) as const,
  }
  await assert.rejects(startVerifier([credulous]), {
    code: 'SELF_TEST_FAILED',
    message: /expected PAIRING_MISMATCH, got valid/,
  })
})

test('refuses to start with a system that skips the subgroup check', async () => {
  const groth16 = await createGroth16()
  const careless = {
    ...groth16,
    verify: async (request: ProofRequest) => {
      const verdict = await groth16.verify(request)
      if (verdict.verdict === 'valid') return verdict
      return { verdict: 'invalid', code: 'PAIRING_MISMATCH', detail: '' } as const
    },
  }
  await assert.rejects(startVerifier([careless]), {
    code: 'SELF_TEST_FAILED',
    message: /expected POINT_NOT_IN_SUBGROUP, got PAIRING_MISMATCH/,
  })
})

test('refuses to start with a curve that has no known answers', async () => {
  const untested = { ...(await createGroth16()), knownAnswers: [] }
  await assert.rejects(startVerifier([untested]), { code: 'SELF_TEST_FAILED' })
})

test('measures the throughput of every system and curve', async () => {
  // A clock on which every look takes 10 ms, so that two curves get 50 ms and 5 proofs each.
  let now = 0
  const clock = { now: () => (now += 10) }
  const measured = await verifier.measureThroughput(clock)
  assert.deepEqual(measured, [
    { system: 'groth16', curve: 'bn254', proofsPerSecond: 100 },
    { system: 'groth16', curve: 'bls12-381', proofsPerSecond: 100 },
  ])
})

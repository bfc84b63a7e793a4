// The whole service over real HTTP: challenges, results, who may see them.

import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fromConnectError } from '@vorta/api'
import { policyDigest } from '@vorta/attestation'
import { verifyEar } from '@vorta/attestation/ear-jwt'
import { type Canonical, canonicalBytes, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { accepting, testEnclave } from './testkit/enclave.ts'
import { openServer, type TestServer } from './testkit/server.ts'

const enclave = testEnclave(Date.now())
const evidenceFor = (nonce: Uint8Array) => canonicalBytes(enclave.evidence(nonce) as Canonical)
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    (thrown) => fromConnectError(thrown).code,
  )

suite('the attestation service', () => {
  let server: TestServer
  before(async () => {
    server = await openServer()
  })
  after(() => server.remove())

  const appraise = async (policy = '') => {
    const { nonce } = await server.client.createChallenge({})
    const evidence = evidenceFor(nonce)
    return {
      nonce,
      evidence,
      ...(await server.client.appraiseEvidence({ evidence, nonce, policy })),
    }
  }

  test('answers with a verdict, and the same as a signed result', async () => {
    const { nonce, evidence, appraisal, ear } = await appraise()
    assert.ok(appraisal)
    assert.equal(appraisal.accepted, true)
    assert.equal(appraisal.simulated, true)
    assert.match(appraisal.name, /^appraisals\/a[0-9a-z]{26}$/)
    assert.equal(toHex(appraisal.nonce), toHex(nonce))
    assert.ok(appraisal.claims.length > 5 && appraisal.checks.every(({ ok }) => ok))
    const evidenceSha256 = toHex(nodeCrypto.sha256(evidence))
    assert.equal(appraisal.evidence, `attestations/${evidenceSha256}`)
    const digest = policyDigest(nodeCrypto, accepting)
    assert.equal(appraisal.policyId, digest)
    const claims = await verifyEar(ear, await server.keys(), {
      now: Date.now(),
      nonce: toHex(nonce),
      policyDigest: digest,
      evidenceSha256,
    })
    assert.notEqual(claims.status, 'contraindicated')
    assert.notEqual(claims.status, 'affirming', 'simulated is never affirmed')
  })

  test('gives a refusal as a result as well', async () => {
    const { appraisal, ear } = await appraise('hardware')
    assert.equal(appraisal?.accepted, false)
    assert.equal(appraisal.errorCode, 'SIMULATED_NOT_ALLOWED')
    assert.equal(appraisal.policy, 'hardware')
    const { status } = await verifyEar(ear, await server.keys(), { now: Date.now() })
    assert.equal(status, 'contraindicated')
  })

  test('gives results later, as JSON and as tokens, newest first', async () => {
    const [first, second] = [await appraise(), await appraise('hardware')]
    const name = first.appraisal?.name ?? ''
    const again = await server.client.getAppraisal({ name })
    assert.equal(again.ear, first.ear)
    assert.deepEqual(again.appraisal, first.appraisal)
    const page = await server.client.listAppraisals({ pageSize: 1 })
    assert.deepEqual(page.appraisals, [second.appraisal])
    const next = await server.client.listAppraisals({ pageToken: page.nextPageToken, pageSize: 1 })
    assert.deepEqual(next.appraisals, [first.appraisal])
    assert.equal(
      await codeOf(server.client.getAppraisal({ name: 'appraisals/a1' })),
      'APPRAISAL_NOT_FOUND',
    )

    const path = `/attestation/v1/${name}`
    const token = await server.get(path)
    assert.equal(token.headers.get('content-type'), 'application/eat+jwt')
    assert.equal(await token.text(), first.ear)
    const unsigned = await server.get(path, { accept: 'application/eat-ucs+json' })
    assert.equal(unsigned.headers.get('content-type'), 'application/eat-ucs+json')
    assert.deepEqual(await unsigned.json(), decodeJwt(first.ear))
    assert.equal((await server.get('/attestation/v1/appraisals/a1')).status, 404)
  })

  test('publishes the key that signs, and keeps its private part to itself', async () => {
    const { ear } = await appraise()
    const { keys } = (await server.keys()) as { keys: Record<string, string>[] }
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      [decodeProtectedHeader(ear).kid],
    )
    assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), [
      'alg',
      'crv',
      'kid',
      'kty',
      'use',
      'x',
      'y',
    ])
    assert.equal(statSync(join(server.folder, 'attestation.key')).mode & 0o777, 0o600)
  })

  test('lets nobody use a challenge twice, one of its own or none, or another policy', async () => {
    const { client } = server
    const { nonce } = await client.createChallenge({})
    const evidence = evidenceFor(nonce)
    assert.equal(
      await codeOf(client.appraiseEvidence({ evidence, nonce, policy: 'lax' })),
      'POLICY_NOT_FOUND',
    )
    assert.equal(
      await codeOf(client.appraiseEvidence({ evidence: utf8('{}'), nonce })),
      'INVALID_ARGUMENT',
    )
    // Neither of these used it up.
    assert.equal((await client.appraiseEvidence({ evidence, nonce })).appraisal?.accepted, true)
    for (const [request, code] of [
      [{ evidence, nonce }, 'CHALLENGE_USED'],
      [{ evidence, nonce: new Uint8Array(32) }, 'CHALLENGE_UNKNOWN'],
      [{ evidence, nonce: new Uint8Array(31) }, 'INVALID_ARGUMENT'],
      [{ evidence, nonce, ownNonce: nonce }, 'INVALID_ARGUMENT'],
      [{}, 'INVALID_ARGUMENT'],
    ] as const) {
      assert.equal(await codeOf(client.appraiseEvidence(request)), code)
    }
  })

  test('uses up a challenge once however many answer it at the same time', async () => {
    const { nonce } = await server.client.createChallenge({})
    const evidence = evidenceFor(nonce)
    const codes = await Promise.all(
      Array.from({ length: 20 }, () => codeOf(server.client.appraiseEvidence({ evidence, nonce }))),
    )
    assert.equal(codes.filter((code) => code === 'none').length, 1)
    assert.equal(codes.filter((code) => code === 'CHALLENGE_USED').length, 19)
  })

  test('takes a nonce of the caller, and evidence without one for what it is', async () => {
    const ownNonce = new Uint8Array(32).fill(9)
    const evidence = evidenceFor(ownNonce)
    const own = await server.client.appraiseEvidence({ evidence, ownNonce })
    assert.equal(decodeJwt(own.ear).eat_nonce, toHex(ownNonce))
    const none = await server.client.appraiseEvidence({ evidence })
    assert.equal(none.appraisal?.notChecked[0]?.name, 'fresh')
    assert.equal('eat_nonce' in decodeJwt(none.ear), false)
  })

  test('answers whatever is sent with a verdict or a code, never with a fault', async () => {
    const good = evidenceFor(new Uint8Array(32))
    const quote = enclave.quote(new Uint8Array(64))
    const pick = fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }))
    const mutated = (bytes: Uint8Array, [at, change]: [number, Uint8Array]) => {
      const copy = Uint8Array.from(bytes)
      copy.set(change.subarray(0, bytes.length), at % (bytes.length - change.length))
      return copy
    }
    const call = async (request: Parameters<typeof server.client.appraiseEvidence>[0]) => {
      const code = await codeOf(server.client.appraiseEvidence(request))
      assert.notEqual(code, 'INTERNAL')
    }
    const binding = { case: 'reportData', value: new Uint8Array(64) } as const
    await fc.assert(
      fc.asyncProperty(pick, async (change) => {
        await call({ evidence: mutated(good, change) })
        await call({ quote: { quote: mutated(quote, change), binding } })
        const collateral = mutated(canonicalBytes(enclave.collateral as Canonical), change)
        await call({ quote: { quote, collateral, binding } })
      }),
      { numRuns: 60 },
    )
  })

  test('tells its policies by name and digest', async () => {
    const { policies } = await server.client.listAppraisalPolicies({})
    assert.deepEqual(
      policies.map(({ name, simulated }) => [name, simulated]),
      [
        ['default', true],
        ['hardware', false],
      ],
    )
    assert.equal(policies[0]?.policyId, policyDigest(nodeCrypto, accepting))
  })

  test('tells a stranger its key set and health, and nothing else', async () => {
    const { appraisal } = await appraise()
    const stranger = server.as('x'.repeat(40))
    const name = appraisal?.name ?? ''
    assert.equal(await codeOf(stranger.getAppraisal({ name })), 'UNAUTHENTICATED')
    assert.equal(await codeOf(stranger.createChallenge({})), 'UNAUTHENTICATED')
    const without = { authorization: '' }
    assert.equal((await server.get(`/attestation/v1/${name}`, without)).status, 401)
    for (const path of ['/.well-known/jwks.json', '/healthz', '/readyz', '/metrics']) {
      assert.equal((await server.get(path, without)).status, 200, path)
    }
    assert.equal((await server.get('/other')).status, 404)
  })

  test('counts what it appraised and what became of challenges', async () => {
    const text = await (await server.get('/metrics')).text()
    for (const sample of [
      /vorta_attestation_appraisals_total\{outcome="accepted",code="",policy="default"\} [1-9]/,
      /outcome="refused",code="SIMULATED_NOT_ALLOWED",policy="hardware"\} [1-9]/,
      /vorta_attestation_challenges_total\{outcome="CHALLENGE_USED"\} 2\d/,
      /vorta_attestation_challenges_outstanding \d/,
      /vorta_attestation_appraisal_seconds_count\{outcome="accepted"\} [1-9]/,
    ]) {
      assert.match(text, sample)
    }
  })
})

suite('an attestation service with little room', () => {
  test('refuses challenges and appraisals that are too many, and takes them again', async () => {
    const server = await openServer(undefined, {
      challenges: { most: 2 },
      limits: { underWay: 1 },
    })
    try {
      const { client } = server
      const { nonce } = await client.createChallenge({})
      await client.createChallenge({})
      assert.equal(await codeOf(client.createChallenge({})), 'OVERLOADED')
      const evidence = evidenceFor(nonce)
      const codes = await Promise.all(
        Array.from({ length: 10 }, () => codeOf(client.appraiseEvidence({ evidence }))),
      )
      assert.ok(codes.includes('none') && codes.includes('OVERLOADED'), codes.join())
      assert.equal((await client.appraiseEvidence({ evidence, nonce })).appraisal?.accepted, true)
    } finally {
      await server.remove()
    }
  })

  test('remembers results over a restart, and signs under the same key', async (t) => {
    const first = await openServer()
    t.after(() => first.stop())
    const { appraisal, ear } = await first.client.appraiseEvidence({
      evidence: evidenceFor(new Uint8Array(32)),
    })
    const keys = await first.keys()
    const { nonce } = await first.client.createChallenge({})
    await first.stop()
    const second = await openServer(first.folder)
    try {
      const found = await second.client.getAppraisal({ name: appraisal?.name ?? '' })
      assert.equal(found.ear, ear)
      assert.deepEqual(await second.keys(), keys)
      const call = second.client.appraiseEvidence({ evidence: evidenceFor(nonce), nonce })
      assert.equal(await codeOf(call), 'CHALLENGE_UNKNOWN')
    } finally {
      await second.remove()
    }
  })
})

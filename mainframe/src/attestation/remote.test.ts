// Appraisal by a real service elsewhere, and by one that lies on the way.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { Code } from '@connectrpc/connect'
import { policyDigest } from '@vorta/attestation'
import { signEar } from '@vorta/attestation/ear-jwt'
import { accepting, measurement, testEnclave } from '@vorta/attestation-service/testkit/enclave'
import { openServer, type TestServer } from '@vorta/attestation-service/testkit/server'
import { type Json, systemClock, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  type AttestationClient,
  connectTo,
  forwarded,
  readKeySet,
  remoteAppraiser,
} from './remote.ts'

const digest = policyDigest(nodeCrypto, accepting)
const enclave = testEnclave(Date.now())
const fresh = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return { nonce: toHex(bytes), evidence: enclave.evidence(bytes) }
}

suite('an attestation service elsewhere', () => {
  let server: TestServer
  let keys: Json
  let client: AttestationClient
  before(async () => {
    server = await openServer()
    keys = (await server.keys()) as Json
    client = connectTo({
      endpoint: server.url,
      tokenFile: join(server.folder, 'admin.token'),
      jwksFile: '',
      policy: 'default',
    })
  })
  after(() => server.remove())

  const appraiser = (
    calls: Pick<AttestationClient, 'appraiseEvidence'> = client,
    options: { keys?: Json; policy?: string; policyDigest?: string; simulated?: boolean } = {},
  ) =>
    remoteAppraiser(
      { client: calls, keys, policy: 'default', policyDigest: digest, simulated: true, ...options },
      { crypto: nodeCrypto, clock: systemClock },
    )

  test('is given a time to answer, whatever it is asked', async () => {
    const asked: (readonly [path: unknown, timeout: unknown])[] = []
    const sessions: ServerHttp2Session[] = []
    const refusal = { 'content-type': 'application/grpc', 'grpc-status': '12' }
    const stub = createServer()
      .on('session', (session) => sessions.push(session))
      .on('stream', (stream, headers) => {
        asked.push([headers[':path'], headers['grpc-timeout']])
        stream.respond(refusal, { endStream: true })
      })
    await once(stub.listen(0, '127.0.0.1'), 'listening')
    const { port } = stub.address() as AddressInfo
    const calls = Object.entries(
      forwarded(
        connectTo({
          endpoint: `http://127.0.0.1:${port}`,
          tokenFile: join(server.folder, 'admin.token'),
          jwksFile: '',
          policy: 'default',
        }),
      ),
    )
    for (const [, call] of calls) {
      await assert.rejects(async () => call({} as never, {} as never), { code: Code.Unimplemented })
    }
    for (const session of sessions) session.destroy()
    stub.close()
    assert.equal(asked.length, 5)
    for (const [path, timeout] of asked) assert.equal(timeout, '30000m', String(path))
  })

  test('is believed in what it signs about this evidence', async () => {
    const { nonce, evidence } = fresh()
    const { appraisal, spki } = await appraiser().appraise(evidence, nonce, 'workers/w1')
    assert.equal(appraisal.accepted, true)
    assert.equal(appraisal.simulated, true)
    assert.equal(appraisal.tee, 'simulated')
    assert.equal(appraisal.measurement, toHex(measurement))
    assert.equal(appraisal.subject, 'workers/w1')
    assert.equal(appraisal.policyId, digest)
    assert.ok(appraisal.checks.length > 4 && appraisal.claims.length > 4)
    assert.deepEqual(spki, enclave.spki)
    const { appraisal: kept } = await client.getAppraisal({ name: `appraisals/${appraisal.id}` })
    assert.equal(kept?.evidence, `attestations/${appraisal.sha256}`)
  })

  test('is believed when it refuses, and says why', async () => {
    const { nonce, evidence } = fresh()
    const other = fresh()
    const replay = await appraiser().appraise(evidence, other.nonce)
    assert.equal(replay.appraisal.code, 'NONCE_MISMATCH')
    assert.equal(replay.spki, undefined)
    const { policies } = await client.listAppraisalPolicies({})
    const hardware = policies.find(({ name }) => name === 'hardware')
    const strict = { policy: 'hardware', policyDigest: hardware?.policyId ?? '' }
    const { appraisal, spki } = await appraiser(client, strict).appraise(evidence, nonce)
    assert.equal(appraisal.accepted, false)
    assert.equal(appraisal.code, 'SIMULATED_NOT_ALLOWED')
    assert.equal(spki, undefined)
  })

  test('cannot make a mainframe take SIMULATED enclaves', async () => {
    const { nonce, evidence } = fresh()
    const { appraisal, spki } = await appraiser(client, { simulated: false }).appraise(
      evidence,
      nonce,
    )
    assert.equal(appraisal.accepted, false)
    assert.equal(appraisal.code, 'SIMULATED_NOT_ALLOWED')
    assert.equal(spki, undefined)
  })

  test('is not believed under another key, policy, challenge, or about other evidence', async () => {
    const stranger = await openServer()
    const { nonce, evidence } = fresh()
    const earlier = fresh()
    const { ear } = await client.appraiseEvidence({
      evidence: new TextEncoder().encode(JSON.stringify(earlier.evidence)),
      ownNonce: Buffer.from(earlier.nonce, 'hex'),
    })
    /** Answers with an earlier result, whatever is asked. */
    const replaying = {
      appraiseEvidence: async (...call: Parameters<AttestationClient['appraiseEvidence']>) => ({
        ...(await client.appraiseEvidence(...call)),
        ear,
      }),
    }
    const altering = {
      appraiseEvidence: async (...call: Parameters<AttestationClient['appraiseEvidence']>) => {
        const answer = await client.appraiseEvidence(...call)
        const [header, payload, signature] = answer.ear.split('.')
        const changed = Buffer.from(payload ?? '', 'base64url')
          .toString()
          .replace('"simulated":true', '"simulated":false')
        assert.notEqual(Buffer.from(changed).toString('base64url'), payload)
        const body = Buffer.from(changed).toString('base64url')
        return { ...answer, ear: `${header}.${body}.${signature}` }
      },
    }
    try {
      for (const [asked, code] of [
        [appraiser(stranger.client), 'EAR_KEY_UNKNOWN'],
        [appraiser(client, { policyDigest: '00'.repeat(32) }), 'EAR_POLICY_MISMATCH'],
        [appraiser(replaying), 'NONCE_MISMATCH'],
        [appraiser(altering), 'EAR_SIGNATURE'],
      ] as const) {
        await assert.rejects(asked.appraise(evidence, nonce), { code })
      }
      // An earlier result for the same challenge is about other evidence all the same.
      const again = testEnclave(Date.now()).evidence(Buffer.from(earlier.nonce, 'hex'))
      await assert.rejects(appraiser(replaying).appraise(again, earlier.nonce), {
        code: 'EAR_EVIDENCE_MISMATCH',
      })
    } finally {
      await stranger.remove()
    }
  })

  test('that names no key gives none', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'silent' }] } as Json
    const silent: typeof client.appraiseEvidence = async (...call) => {
      const answer = await client.appraiseEvidence(...call)
      const payload = Buffer.from(answer.ear.split('.')[1] ?? '', 'base64url').toString()
      const without = payload.replace(/"key":"[^"]*",/, '')
      assert.notEqual(without, payload)
      return { ...answer, ear: await signEar(JSON.parse(without), { privateKey, kid: 'silent' }) }
    }
    const { nonce, evidence } = fresh()
    const asked = appraiser({ appraiseEvidence: silent }, { keys })
    const { appraisal, spki } = await asked.appraise(evidence, nonce)
    assert.deepEqual([appraisal.accepted, spki], [true, undefined])
  })

  test('that is away, or does not know the token or the policy, gives no verdict', async () => {
    const { nonce, evidence } = fresh()
    const gone = await openServer()
    await gone.remove()
    for (const [asked, code] of [
      [appraiser(gone.client), 'UNAVAILABLE'],
      [appraiser(server.as('x'.repeat(40))), 'UNAUTHENTICATED'],
      [appraiser(client, { policy: 'none' }), 'POLICY_NOT_FOUND'],
    ] as const) {
      await assert.rejects(asked.appraise(evidence, nonce), { code })
    }
  })

  test('is not set up with files that are missing or are something else', () => {
    const missing = join(server.folder, 'missing')
    const damaged = join(server.folder, 'damaged.json')
    writeFileSync(damaged, '{')
    const config = { endpoint: server.url, tokenFile: missing, jwksFile: '', policy: 'default' }
    assert.throws(() => connectTo(config), { code: 'CONFIG_INVALID' })
    for (const jwksFile of [missing, damaged]) {
      assert.throws(() => readKeySet({ jwksFile }), { code: 'CONFIG_INVALID' })
    }
  })
})

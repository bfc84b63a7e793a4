// The release of a key, with a mainframe at the far end that lies. Its evidence
// comes from a simulated enclave; whatever it says, the key goes to no other.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { createClient, createRouterTransport } from '@connectrpc/connect'
import {
  type ChallengeEnclaveResponseSchema,
  canonicalSpec,
  type Job,
  JobSchema,
  KeyReleaseService,
  toConnectError,
} from '@vorta/api'
import {
  type EnclaveKeyClaims,
  enclaveKeyPurpose,
  policyDecoder,
  reportDataOf,
  simulatedAnchor,
} from '@vorta/attestation'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { createRecipient } from '@vorta/attestation/sealing/recipient'
import { openRelease, readRelease } from '@vorta/attestation/sealing/release'
import { openInput } from '@vorta/attestation/sealing/sealed-input'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import {
  type Canonical,
  canonicalBytes,
  concat,
  fail,
  fakeClock,
  own,
  toBase64,
  toHex,
  type VortaError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { cli, folder, root, testIo } from '../test/io.ts'
import { startMainframe, token } from '../test/mainframe.ts'
import { contentKeyPath, writeContentKey } from './content-keys.ts'
import { prepareSpec } from './job-spec.ts'
import { releaseKey } from './release.ts'
import type { Server } from './server.ts'
import { createUi } from './ui.ts'

const { now } = fakeClock()
const measurement = new Uint8Array(32).fill(7)
const choice = {
  policy: policyDecoder({ simulated: true, measurements: { mrenclave: [toHex(measurement)] } }),
  anchors: [simulatedAnchor],
  maxReleases: 2,
}
const spki = own(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    type: 'spki',
    format: 'der',
  }),
)
const recipient = await createRecipient()

const evidenceFor = async (nonce: Uint8Array, code: Uint8Array = measurement) => {
  const provider = simulatedQuoteProvider({
    platformId: new Uint8Array(16),
    measurement: code,
    now,
  })
  const claims: EnclaveKeyClaims = {
    purpose: enclaveKeyPurpose,
    spki: toBase64(spki),
    nonce: toHex(nonce),
    hpke: toBase64(recipient.publicKey),
  }
  const { quote } = await provider.quote(reportDataOf(nodeCrypto, claims))
  const collateral = simulatedCollateral(now())
  return canonicalBytes({
    tee: 'simulated',
    claims,
    quote: toBase64(quote),
    collateral,
  } as Canonical)
}

type Answer = MessageInitShape<typeof ChallengeEnclaveResponseSchema>

/** A submitted job with a sealed proof, and the far end that runs it. */
async function sealedJob() {
  const io = testIo({ env: { XDG_STATE_HOME: folder() } })
  const example = join(root, 'jobs/example_job.json')
  const proof = join(root, 'artifacts/proof.bin')
  const prepared = await prepareSpec(io, example, { proof, seal: ['proof'] })
  const { spec, contentKey, sources } = prepared
  assert.ok(contentKey)
  await writeContentKey(io, { ...contentKey, releases: 0 })
  const job: Job = create(JobSchema, { name: 'jobs/one', uid: 'j1', spec })
  const releases: Uint8Array[] = []
  const breaks = { left: 0 }

  const server = (answer: (nonce: Uint8Array) => Promise<Answer>) => {
    const transport = createRouterTransport(({ service }) => {
      service(KeyReleaseService, {
        challengeEnclave: ({ nonce }) => answer(nonce),
        releaseKey: ({ release }) => {
          releases.push(release)
          if (breaks.left-- > 0) throw toConnectError(fail('UNAVAILABLE', 'going down'))
          return { releaseSha256: toHex(nodeCrypto.sha256(release)), logIndex: 7n }
        },
      })
    })
    return { releases: createClient(KeyReleaseService, transport) } as Server
  }
  const honest = async (nonce: Uint8Array): Promise<Answer> => ({
    jobUid: 'j1',
    specSha256: contentKey.spec,
    worker: 'workers/w1',
    evidence: await evidenceFor(nonce),
  })
  const talk: string[] = []
  const stderr = {
    isTTY: false,
    write: (data: string | Uint8Array) => void talk.push(String(data)),
  }
  const ui = createUi({ ...io, stderr }, true)
  return { io, ui, job, spec, contentKey, sources, releases, breaks, server, honest, talk }
}

let it: Awaited<ReturnType<typeof sealedJob>>
beforeEach(async () => {
  it = await sealedJob()
})

test('releases the key to the enclave it has verified, for this job and this spec', async () => {
  await releaseKey(it.ui, it.server(it.honest), it.job, choice)
  const document = readRelease(it.releases[0]!)
  assert.equal(document.job, 'j1')
  assert.equal(document.spec, toHex(nodeCrypto.sha256(canonicalSpec(it.spec))))
  assert.equal(document.enclave, toHex(nodeCrypto.sha256(spki)))
  assert.equal(document.maxUses, 1)
  const { commitment } = it.contentKey
  const key = await openRelease(nodeCrypto, document, commitment, recipient.open)
  const parts: Uint8Array[] = []
  const source = it.sources.find(({ label }) => label === 'sealed proof')
  for await (const part of source!.read(0)) parts.push(part)
  const plaintext = readFileSync(join(root, 'artifacts/proof.bin'))
  assert.deepEqual(await openInput(key, 'proof', concat(...parts)), own(plaintext))
  assert.match(it.talk.join(''), /Verified SIMULATED sgx (07){32} of workers\/w1/)
})

const refusedFor = (reason: string) => (error: VortaError) => {
  assert.equal(error.code, 'KEY_RELEASE_REFUSED')
  assert.equal(error.meta.reason, reason)
  return true
}

test('keeps the key from evidence that answers an older challenge', async () => {
  const old = await evidenceFor(new Uint8Array(32).fill(1))
  const replay = async (nonce: Uint8Array) => ({ ...(await it.honest(nonce)), evidence: old })
  await assert.rejects(
    releaseKey(it.ui, it.server(replay), it.job, choice),
    refusedFor('NONCE_MISMATCH'),
  )
  assert.equal(it.releases.length, 0)
})

test("keeps the key from another enclave's evidence", async () => {
  const other = async (nonce: Uint8Array) => ({
    ...(await it.honest(nonce)),
    evidence: await evidenceFor(nonce, new Uint8Array(32)),
  })
  await assert.rejects(
    releaseKey(it.ui, it.server(other), it.job, choice),
    refusedFor('MEASUREMENT_NOT_ALLOWED'),
  )
  assert.equal(it.releases.length, 0)
})

test('keeps the key where the server runs another spec, and binds it to its own in any case', async () => {
  const altered = async (nonce: Uint8Array) => ({
    ...(await it.honest(nonce)),
    specSha256: '00'.repeat(32),
  })
  await assert.rejects(releaseKey(it.ui, it.server(altered), it.job, choice), {
    code: 'RELEASE_WRONG_SPEC',
  })
  // It shows a spec that was altered and keeps to the digest: the release is for the digest.
  const lied = create(JobSchema, { ...it.job, spec: { ...it.spec, priority: 99 } })
  await releaseKey(it.ui, it.server(it.honest), lied, choice)
  assert.equal(readRelease(it.releases[0]!).spec, it.contentKey.spec)
})

test('releases no more often than allowed, also by another process', async () => {
  const server = it.server(it.honest)
  await releaseKey(it.ui, server, it.job, choice)
  await releaseKey(it.ui, server, it.job, choice)
  await assert.rejects(releaseKey(it.ui, server, it.job, choice), { code: 'RELEASES_EXHAUSTED' })
  assert.equal(it.releases.length, 2)
  const kept = JSON.parse(readFileSync(contentKeyPath(it.io, it.contentKey.commitment), 'utf8'))
  assert.equal(kept.releases, 2)
})

test('counts releases also where a server keeps several of them under way', async () => {
  const all = Promise.withResolvers<void>()
  let asked = 0
  const server = it.server(async (nonce) => {
    if (++asked === 4) all.resolve()
    await all.promise
    return it.honest(nonce)
  })
  const under = Array.from({ length: 4 }, () => releaseKey(it.ui, server, it.job, choice))
  const codes = (await Promise.allSettled(under)).map((one) =>
    one.status === 'fulfilled' ? 'released' : one.reason.code,
  )
  const [released, exhausted] = ['released', 'RELEASES_EXHAUSTED']
  assert.deepEqual(codes.sort(), [exhausted, exhausted, released, released])
  assert.equal(it.releases.length, choice.maxReleases)
})

test('repeats the same release where the connection broke, and counts it once', async () => {
  it.breaks.left = 1
  await releaseKey(it.ui, it.server(it.honest), it.job, choice)
  assert.equal(it.releases.length, 2)
  assert.deepEqual(it.releases[0], it.releases[1])
  const kept = JSON.parse(readFileSync(contentKeyPath(it.io, it.contentKey.commitment), 'utf8'))
  assert.equal(kept.releases, 1)
})

test('a release does not outlast its job, whatever the server says of that', async () => {
  for (const seconds of [2n ** 62n, -(2n ** 62n)]) {
    const expireTime = { $typeName: 'google.protobuf.Timestamp', seconds, nanos: 0 } as const
    const job = create(JobSchema, { ...it.job, expireTime })
    await releaseKey(it.ui, it.server(it.honest), job, choice)
    const { notAfter } = readRelease(it.releases.at(-1)!)
    assert.ok(Date.parse(notAfter) <= now() + 24 * 3_600_000 + 60_000, notAfter)
  }
})

test('the key is in a file for its owner only, and a damaged one is refused', async () => {
  const path = contentKeyPath(it.io, it.contentKey.commitment)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  for (const text of ['', '{}', readFileSync(path, 'utf8').replace(/"key": "..../, '"key": "')]) {
    writeFileSync(path, text)
    await assert.rejects(releaseKey(it.ui, it.server(it.honest), it.job, choice), {
      code: 'CONFIG_INVALID',
    })
  }
})

test('a key that is not here cannot be released', async () => {
  const elsewhere = createUi(testIo({ env: { XDG_STATE_HOME: folder() } }), true)
  await assert.rejects(releaseKey(elsewhere, it.server(it.honest), it.job, choice), {
    code: 'KEY_UNKNOWN',
  })
})

test('submit --seal uploads ciphertext only, and says what to do next', async () => {
  const mainframe = await startMainframe()
  const state = folder()
  const env = { VORTA_TOKEN: token, XDG_STATE_HOME: state }
  const argv = ['submit', '--endpoint', mainframe.url, '--job-spec', 'jobs/example_job.json']
  const files = ['--proof', 'artifacts/proof.bin', '--seal', 'proof', '--seal', 'public']
  const { code, err } = await cli([...argv, ...files], { env })
  await mainframe.close()
  assert.equal(code, 0, err)
  assert.match(err, /next: vorta-cli job release j1/)
  const { sealed, work } = mainframe.jobs.get('jobs/j1')!.spec!
  assert.deepEqual(sealed?.inputs, ['publicInputs', 'proof'])
  const uploaded = [...mainframe.artifacts.values()].map((bytes) => Buffer.from(bytes).toString())
  const proof = readFileSync(join(root, 'artifacts/proof.bin'), 'utf8')
  assert.ok(uploaded.every((text) => text !== proof))
  assert.equal(uploaded.filter((text) => text.startsWith('vorta.org/sealed-input/v1\n')).length, 2)
  assert.ok(mainframe.artifacts.has(work.value!.proof))
})

for (const [options, message] of [
  [['--seal', 'witness'], '--seal: expected one of proof, public, vk, got "witness"'],
  [
    ['--seal', 'proof', '--proof', `sha256:${'0'.repeat(64)}`],
    '--seal proof: the spec names it by digest: there is no file to seal',
  ],
  [
    ['--seal', 'proof', '--wait', '--max-releases', '0'],
    '--max-releases: expected a whole number from 1 to 999, got "0"',
  ],
] as const) {
  test(`submit refuses ${options.join(' ')}`, async () => {
    const mainframe = await startMainframe()
    const argv = ['submit', '--endpoint', mainframe.url, '--job-spec', 'jobs/example_job.json']
    const { code, err } = await cli([...argv, ...options], { env: { VORTA_TOKEN: token } })
    await mainframe.close()
    assert.equal(code, 2)
    assert.ok(err.includes(`error: ${message}`), err)
    assert.equal(mainframe.jobs.size, 0)
  })
}

// Sealed inputs in a real enclave process, and a host that would like to read
// them, to use a key twice, or to pass one thing off as another.

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type EnclaveKeyClaims, policyDecoder, simulatedAnchor } from '@vorta/attestation'
import { approveEnclave } from '@vorta/attestation/sealing/approve'
import { keyCommitment, newContentKey } from '@vorta/attestation/sealing/content-key'
import { sealTo } from '@vorta/attestation/sealing/recipient'
import {
  makeRelease,
  type ReleaseTerms,
  releaseDigest,
  releasePurpose,
} from '@vorta/attestation/sealing/release'
import { sealInput } from '@vorta/attestation/sealing/sealed-input'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import {
  type Canonical,
  canonicalBytes,
  fakeClock,
  fromBase64,
  own,
  systemRandom,
  toBase64,
  toHex,
  toRfc3339,
  utf8,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { envelopeDecoder } from '@vorta/receipt/dsse'
import { decodeStatement } from '@vorta/receipt/statement'
import { attestation, type Description, description, type Outcome, readPart } from './protocol.ts'
import { createReleaseUses } from './release-uses.ts'
import {
  artifactsOf,
  exampleFiles,
  exampleLog,
  type Files,
  falseFiles,
  orderOf,
  sha256,
  specOf,
} from './testkit/example.ts'
import { spawnEnclave, type TestEnclave } from './testkit/spawn.ts'

const key = newContentKey(systemRandom)
const keyCommitmentOf = (content: Uint8Array) => keyCommitment(nodeCrypto, content)

type SealedName = 'publicInputs' | 'proof'

async function sealedFiles(files: Files, inputs: readonly SealedName[] = ['proof']) {
  const sealed = await Promise.all(
    inputs.map(async (name) => [name, await sealInput(key, name, files[name], systemRandom)]),
  )
  return { ...files, ...Object.fromEntries(sealed) } as Files
}

const sealedSpec = (files: Files, inputs: readonly string[] = ['proof']) =>
  specOf(files, { sealed: { inputs, keyCommitment: keyCommitmentOf(key) } })

suite('an enclave with sealed inputs', () => {
  let enclave: TestEnclave
  let about: Description
  let files: Files
  let spec: Uint8Array

  before(async () => {
    enclave = spawnEnclave()
    about = readPart(description, 'description', await enclave.start())
    files = await sealedFiles(exampleFiles)
    spec = sealedSpec(files)
  })
  after(() => enclave.end())

  /** The requester's part, with the enclave's own evidence; `change` makes it another release. */
  const release = async (
    change: Partial<ReleaseTerms> = {},
    {
      to = enclave,
      content = key,
      by = spec,
    }: { to?: TestEnclave; content?: Uint8Array; by?: Uint8Array } = {},
  ) => {
    const nonce = toHex(systemRandom(32))
    const { result } = await to.ask('attest', { nonce })
    const { claims, quote } = readPart(attestation, 'attestation', result)
    const now = Date.now()
    const evidence = canonicalBytes({
      tee: 'simulated',
      claims: JSON.parse(claims) as EnclaveKeyClaims,
      quote: toBase64(quote),
      collateral: simulatedCollateral(now),
    } as Canonical)
    const policy = policyDecoder({
      simulated: true,
      measurements: { mrenclave: [about.measurement] },
    })
    const request = { evidence, nonce, job: 'j1', spec: sha256(by) }
    const options = { anchors: [simulatedAnchor], now }
    const approved = await approveEnclave(nodeCrypto, request, policy, options)
    const terms: ReleaseTerms = {
      purpose: releasePurpose,
      job: 'j1',
      spec: sha256(by),
      enclave: approved.enclave,
      evidence: approved.evidence,
      maxUses: 1,
      notAfter: toRfc3339(now + 600_000),
      ...change,
    }
    return makeRelease(terms, content, (info, message) =>
      sealTo(approved.sealingKey, info, message),
    )
  }

  type Order = {
    readonly uid?: string
    readonly by?: Uint8Array
    readonly artifacts?: ReturnType<typeof artifactsOf>
  }
  const run = async (
    document: Uint8Array | undefined,
    { uid = 'j1', by = spec, artifacts = artifactsOf(files) }: Order = {},
  ): Promise<Outcome> => {
    const order = orderOf(uid, by)
    const attempts = [document ? { ...order, release: toBase64(document) } : order]
    const outcome = (await enclave.run({ log: exampleLog, attempts, artifacts })).get(uid)
    assert.ok(outcome)
    return outcome
  }
  const statementOf = ({ result, failure }: Outcome) => {
    assert.ok(result, failure?.message)
    const { payload } = envelopeDecoder(JSON.parse(result.envelope))
    return decodeStatement(fromBase64(payload) ?? new Uint8Array()).predicate
  }
  const codeOf = ({ failure }: Outcome) => failure?.code

  test('opens them, verifies what is in them, and says so', async () => {
    const document = await release()
    const outcome = await run(document)
    const { proof, sealed } = statementOf(outcome)
    assert.equal(proof.verdict, 'valid')
    assert.equal(proof.proof, sha256(files.proof), 'the digest is that of the ciphertext')
    assert.deepEqual(sealed, { inputs: ['proof'], release: releaseDigest(nodeCrypto, document) })
    const { steps } = JSON.parse(outcome.result?.trace ?? '')
    assert.ok(steps.some(({ step }: { step: string }) => step === 'inputs-opened'))
  })

  test('finds an invalid proof in sealed inputs too', async () => {
    const sealed = await sealedFiles(falseFiles, ['publicInputs', 'proof'])
    const by = sealedSpec(sealed, ['publicInputs', 'proof'])
    const outcome = await run(await release({}, { by }), { by, artifacts: artifactsOf(sealed) })
    assert.equal(statementOf(outcome).proof.verdict, 'invalid')
  })

  test('lets a key be used as often as its release says, and no more', async () => {
    const once = await release()
    assert.ok((await run(once)).result)
    assert.equal(codeOf(await run(once)), 'RELEASE_USED_UP')
    const twice = await release({ maxUses: 2 })
    assert.ok((await run(twice)).result)
    assert.ok((await run(twice)).result)
    assert.equal(codeOf(await run(twice)), 'RELEASE_USED_UP')
  })

  test('counts uses within one batch as well', async () => {
    const document = toBase64(await release({ maxUses: 2 }))
    const order = { ...orderOf('j1', spec), release: document }
    const attempts = [1, 2, 3, 4].map((number) => ({
      ...order,
      attempt: { ...order.attempt, number },
    }))
    const before = enclave.answers.length
    await enclave.run({ log: exampleLog, attempts, artifacts: artifactsOf(files) })
    const outcomes = enclave.answers.slice(before).flatMap(({ outcomes }) => outcomes ?? [])
    assert.equal(outcomes.filter(({ result }) => result).length, 2)
    assert.equal(outcomes.filter((outcome) => codeOf(outcome) === 'RELEASE_USED_UP').length, 2)
  })

  for (const [what, code, make] of [
    ['no release', 'RELEASE_MISSING', async () => undefined],
    ['a release for another job', 'RELEASE_WRONG_JOB', () => release({ job: 'j2' })],
    ['a release for another spec', 'RELEASE_WRONG_SPEC', () => release({ spec: '00'.repeat(32) })],
    [
      'a release that has expired',
      'RELEASE_EXPIRED',
      () => release({ notAfter: '2026-01-01T00:00:00Z' }),
    ],
    [
      'a release to another enclave',
      'RELEASE_WRONG_ENCLAVE',
      () => release({ enclave: '00'.repeat(32) }),
    ],
    [
      'a release with another key',
      'RELEASE_WRONG_KEY',
      () => release({}, { content: newContentKey(systemRandom) }),
    ],
    ['what is no release', 'RELEASE_FORMAT', async () => utf8('{}')],
  ] as const) {
    test(`refuses ${what}, and may be asked again`, async () => {
      const { failure, result } = await run(await make())
      assert.equal(failure?.code, code)
      assert.equal(failure?.retryable, true)
      assert.equal(result, undefined)
    })
  }

  test('refuses terms that a host has changed', async () => {
    const document = JSON.parse(new TextDecoder().decode(await release()))
    const generous = canonicalBytes({ ...document, maxUses: 1000 })
    assert.equal(codeOf(await run(generous)), 'RELEASE_UNREADABLE')
  })

  test('refuses a job of another name with the same spec and release', async () => {
    assert.equal(codeOf(await run(await release(), { uid: 'j9' })), 'RELEASE_WRONG_JOB')
  })

  test('refuses a ciphertext that was exchanged, before it uses the key', async () => {
    const document = await release()
    const other = await sealedFiles(exampleFiles)
    const swapped = { ...artifactsOf(files), [sha256(files.proof)]: toBase64(other.proof) }
    assert.equal(codeOf(await run(document, { artifacts: swapped })), 'DIGEST_MISMATCH')
    const cut = {
      ...artifactsOf(files),
      [sha256(files.proof)]: toBase64(own(files.proof.subarray(0, 60))),
    }
    assert.equal(codeOf(await run(document, { artifacts: cut })), 'DIGEST_MISMATCH')
    assert.ok((await run(document)).result, 'the key was not used by that')
  })

  test('refuses what is no sealed input, or one that stands for another', async () => {
    const plain = sealedSpec(exampleFiles)
    const artifacts = artifactsOf(exampleFiles)
    assert.equal(
      codeOf(await run(await release({}, { by: plain }), { by: plain, artifacts })),
      'SEALED_INPUT_FORMAT',
    )
    const crossed = { ...files, publicInputs: files.proof }
    const by = sealedSpec(crossed, ['publicInputs'])
    const given = { by, artifacts: artifactsOf(crossed) }
    assert.equal(codeOf(await run(await release({}, { by }), given)), 'SEALED_INPUT_FORGED')
  })

  test('says nothing of what it found in sealed inputs but a code', async () => {
    const secret = '{"pi_a":["SECRET"],"pi_b":[],"pi_c":[]}'
    const sealed = await sealedFiles({ ...exampleFiles, proof: utf8(secret) })
    const by = sealedSpec(sealed)
    const { failure } = await run(await release({}, { by }), { by, artifacts: artifactsOf(sealed) })
    assert.match(failure?.code ?? '', /^[A-Z_]+$/)
    assert.equal(
      failure?.message,
      'the inputs are sealed, so what was found in them stays in the enclave',
    )
    assert.equal(failure?.hint, undefined)
    assert.equal(JSON.stringify(enclave.answers).includes('SECRET'), false)
    assert.equal(enclave.stderr().includes('SECRET'), false)
  })

  for (const [what, sealed] of [
    ['no input', { inputs: [], keyCommitment: '00'.repeat(32) }],
    ['an input twice', { inputs: ['proof', 'proof'], keyCommitment: '00'.repeat(32) }],
    ['an input that there is not', { inputs: ['witness'], keyCommitment: '00'.repeat(32) }],
    ['no commitment', { inputs: ['proof'] }],
  ] as const) {
    test(`refuses a spec that seals ${what}`, async () => {
      const by = specOf(files, { sealed } as Record<string, Canonical>)
      assert.equal(codeOf(await run(undefined, { by })), 'INVALID_JOB_SPEC')
    })
  }

  test('opens nothing that was released to the enclave before it', async () => {
    const other = spawnEnclave()
    await other.start()
    const document = await release({}, { to: other })
    await other.end()
    assert.equal(codeOf(await run(document)), 'RELEASE_WRONG_ENCLAVE')
    const own = JSON.parse(new TextDecoder().decode(await release()))
    const theirs = JSON.parse(new TextDecoder().decode(document))
    const relabelled = canonicalBytes({ ...theirs, enclave: own.enclave })
    assert.equal(codeOf(await run(relabelled)), 'RELEASE_UNREADABLE')
  })

  test('tells sealed jobs from plain ones in one batch', async () => {
    const document = toBase64(await release())
    const attempts = [
      { ...orderOf('j1', spec), release: document },
      orderOf('plain', specOf(exampleFiles)),
    ]
    const artifacts = artifactsOf(files, exampleFiles)
    const outcomes = await enclave.run({ log: exampleLog, attempts, artifacts })
    assert.equal(statementOf(outcomes.get('j1')!).proof.verdict, 'valid')
    assert.equal(statementOf(outcomes.get('plain')!).sealed, undefined)
  })
})

suite('the count of uses', () => {
  const used = (call: () => void) => assert.throws(call, { code: 'RELEASE_USED_UP' })

  test('does not start again when the host turns the clock', () => {
    const clock = fakeClock()
    const uses = createReleaseUses(clock)
    const end = clock.now() + 1000
    uses.count('a', 1, end)
    clock.advance(5000)
    assert.equal(uses.now(), end + 4000)
    clock.advance(-4500)
    assert.equal(uses.now(), end + 4000, 'an expired release stays so')
    used(() => uses.count('a', 1, end))
  })

  test('forgets expired releases when it is full, and only those', () => {
    const clock = fakeClock()
    const uses = createReleaseUses(clock)
    const end = clock.now() + 1000
    uses.count('lasting', 1, end + 10_000)
    for (let n = 1; n < 100_000; n++) uses.count(`r${n}`, 1, end)
    assert.throws(() => uses.count('more', 1, end), { code: 'ENCLAVE_FAILED' })
    clock.advance(2000)
    uses.count('more', 1, end + 10_000)
    used(() => uses.count('lasting', 1, end + 10_000))
  })
})

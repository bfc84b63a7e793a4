import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import {
  type EnclaveKeyClaims,
  type Evidence,
  measurementOf,
  simulatedAnchor,
  verifyEvidence,
  verifyRaTlsCertificate,
} from '@vorta/attestation'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { createRaTlsKey, issueCertificate } from '@vorta/attestation/ra-tls/issue'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { fromBase64, toBase64, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { envelopeDecoder, openEnvelope } from '@vorta/receipt/dsse'
import { decodeStatement, payloadType, requireSubject } from '@vorta/receipt/statement'
import {
  type Attestation,
  attestation,
  type Description,
  description,
  type Outcome,
  readPart,
  voucher,
} from './protocol.ts'
import {
  artifactsOf,
  exampleFiles,
  exampleLog,
  exampleRun,
  falseFiles,
  orderOf,
  sha256,
  specOf,
} from './testkit/example.ts'
import { entry, spawnEnclave, type TestEnclave } from './testkit/spawn.ts'

suite('a running enclave', () => {
  let enclave: TestEnclave
  let about: Description

  before(async () => {
    enclave = spawnEnclave()
    about = readPart(description, 'description', await enclave.start())
  })
  after(() => enclave.end())

  const attest = async (nonce: string): Promise<Attestation> => {
    const { result } = await enclave.ask('attest', { nonce })
    return readPart(attestation, 'attestation', result)
  }

  /** Checks a signed result as a relying party would and gives the statement. */
  const opened = async ({ result, failure }: Outcome) => {
    assert.ok(result, failure?.message)
    const spki = fromBase64(about.spki)
    assert.ok(spki)
    const envelope = envelopeDecoder(JSON.parse(result.envelope))
    const payload = await openEnvelope(nodeCrypto, envelope, { payloadType, spki })
    const statement = decodeStatement(payload)
    requireSubject(nodeCrypto, statement)
    return statement
  }

  const onlyOutcome = async (spec: Uint8Array, artifacts = artifactsOf(exampleFiles)) => {
    const attempts = [orderOf('j1', spec)]
    const outcomes = await enclave.run({ log: exampleLog, attempts, artifacts })
    const outcome = outcomes.get('j1')
    assert.ok(outcome)
    return outcome
  }

  test('says what it is: simulated, its measurement, its proof systems', () => {
    assert.equal(about.tee, 'simulated')
    assert.equal(about.measurement, toHex(measureProgram(entry).measurement))
    assert.ok(about.proofs.some(({ system, curves }) => `${system} ${curves}` === 'groth16 bn254'))
    assert.ok(about.proofs.every(({ engine, proofsPerSecond }) => engine && proofsPerSecond > 0))
    assert.match(enclave.stderr(), /SIMULATED/)
  })

  test('vouches for a TLS key of its host, and says that the host holds it', async () => {
    const key = createRaTlsKey()
    const nonce = new Uint8Array(32).fill(0xcd)
    const asked = { spki: toBase64(key.spki), nonce: toHex(nonce) }
    const { result } = await enclave.ask('vouch', asked)
    const evidence = readPart(voucher, 'voucher', result)
    const now = Date.now()
    const { cert } = issueCertificate({ key, commonName: 'host', evidence, now, lifetime: 60_000 })
    const der = fromBase64(cert.replace(/-----[A-Z ]+-----|\n/g, '')) ?? new Uint8Array()
    const verified = await verifyRaTlsCertificate(nodeCrypto, der, {
      anchors: [simulatedAnchor],
      now,
      collateral: async () => simulatedCollateral(now),
      nonce,
    })
    assert.equal(verified.holder, 'host')
    assert.equal(measurementOf(verified.quote), about.measurement)
    for (const wrong of [
      { ...asked, nonce: 'cd' },
      { ...asked, spki: '!' },
      { ...asked, holder: 'enclave' },
    ]) {
      assert.equal((await enclave.ask('vouch', wrong)).error?.code, 'INVALID_ARGUMENT')
    }
  })

  test('binds its key to a challenge in a genuine quote', async () => {
    const nonce = 'ab'.repeat(32)
    const { claims, quote } = await attest(nonce)
    const now = Date.now()
    const evidence: Evidence = {
      tee: 'simulated',
      claims: JSON.parse(claims) as EnclaveKeyClaims,
      quote: toBase64(quote),
      collateral: simulatedCollateral(now),
    }
    const options = { anchors: [simulatedAnchor], now }
    const verified = await verifyEvidence(nodeCrypto, evidence, { ...options, nonce })
    assert.equal(toBase64(verified.spki), about.spki)
    assert.equal(measurementOf(verified.quote), about.measurement)
    assert.ok(verified.quote.simulated)
    await assert.rejects(
      verifyEvidence(nodeCrypto, evidence, { ...options, nonce: 'cd'.repeat(32) }),
      { code: 'NONCE_MISMATCH' },
    )
  })

  test('signs a statement about a valid proof, with the digest of its trace', async () => {
    const spec = specOf(exampleFiles)
    const outcome = await onlyOutcome(spec)
    const { predicate } = await opened(outcome)
    assert.deepEqual(predicate.job, { uid: 'j1', name: 'jobs/j1' })
    assert.deepEqual(predicate.attempt, orderOf('j1', spec).attempt)
    assert.deepEqual(predicate.log, exampleLog)
    assert.equal(predicate.spec, sha256(spec))
    assert.equal(predicate.enclave.kind, 'simulated')
    const { verdict, verificationKey, publicInputs, proof } = predicate.proof
    assert.equal(verdict, 'valid')
    assert.equal(verificationKey, sha256(exampleFiles.verificationKey))
    assert.equal(publicInputs, sha256(exampleFiles.publicInputs))
    assert.equal(proof, sha256(exampleFiles.proof))
    const trace = outcome.result?.trace ?? ''
    assert.equal(predicate.trace, sha256(utf8(trace)))
    const { type, steps } = JSON.parse(trace)
    assert.equal(type, 'vorta.org/trace/v1')
    assert.deepEqual(
      steps.map(({ step }: { step: string }) => step),
      ['received', 'artifacts-checked', 'proof-judged'],
    )
  })

  test('signs a statement about an invalid proof too', async () => {
    const { predicate } = await opened(
      await onlyOutcome(specOf(falseFiles), artifactsOf(falseFiles)),
    )
    assert.equal(predicate.proof.verdict, 'invalid')
    assert.equal(predicate.proof.code, 'PAIRING_MISMATCH')
  })

  test('refuses artifacts with another digest than announced, and only those', async () => {
    const artifacts = {
      ...artifactsOf(exampleFiles, falseFiles),
      [sha256(falseFiles.publicInputs)]: toBase64(exampleFiles.publicInputs),
    }
    const attempts = [orderOf('good', specOf(exampleFiles)), orderOf('bad', specOf(falseFiles))]
    const outcomes = await enclave.run({ log: exampleLog, attempts, artifacts })
    assert.equal(outcomes.get('bad')?.failure?.code, 'DIGEST_MISMATCH')
    assert.equal(outcomes.get('bad')?.failure?.retryable, true)
    assert.ok(outcomes.get('good')?.result)
  })

  test('says which artifact the host did not supply', async () => {
    const { failure } = await onlyOutcome(specOf(exampleFiles), {})
    assert.equal(failure?.code, 'ARTIFACT_NOT_FOUND')
    assert.match(failure?.message ?? '', /verification key/)
  })

  test('fails a malformed proof with the code of the verifier and a hint', async () => {
    const files = { ...exampleFiles, proof: utf8('{"pi_a":[]}') }
    const { failure } = await onlyOutcome(specOf(files), artifactsOf(files))
    assert.equal(failure?.code, 'MALFORMED_PROOF')
    assert.equal(failure?.retryable, false)
    assert.ok(failure?.hint)
  })

  for (const [what, spec, code] of [
    [
      'is not canonical',
      utf8(` ${new TextDecoder().decode(specOf(exampleFiles))}`),
      'MALFORMED_JSON',
    ],
    ['is not JSON', utf8('spec'), 'MALFORMED_JSON'],
    ['is null', utf8('null'), 'INVALID_JOB_SPEC'],
    ['has no proof', utf8('{"resources":{}}'), 'INVALID_JOB_SPEC'],
    [
      'has an unknown member in its proof',
      specOf(exampleFiles, { proof: { a: 1 } }),
      'INVALID_JOB_SPEC',
    ],
  ] as const) {
    test(`fails a spec that ${what}`, async () => {
      const { failure } = await onlyOutcome(spec)
      assert.equal(failure?.code, code)
      assert.equal(failure?.retryable, false)
    })
  }

  test('fails a proof system that it does not have', async () => {
    const spec = JSON.parse(new TextDecoder().decode(specOf(exampleFiles)))
    const proof = { ...spec.proof, system: 'plonk' }
    const { failure } = await onlyOutcome(specOf(exampleFiles, { proof }))
    assert.equal(failure?.code, 'SYSTEM_UNSUPPORTED')
  })

  test('does not sign names that no verifier would read', async () => {
    const order = orderOf('j1', specOf(exampleFiles))
    const attempts = [{ ...order, job: { uid: 'j1', name: 'jobs/\u202eexample' } }]
    const outcomes = await enclave.run({ ...exampleRun(), attempts })
    assert.equal(outcomes.get('j1')?.failure?.code, 'INVALID_ARGUMENT')
  })

  test('answers a challenge and an abort while it works on a long batch', async () => {
    const uids = Array.from({ length: 200 }, (_, index) => `long-${index}`)
    const before = enclave.answers.length
    const running = enclave.run(exampleRun(...uids))
    await enclave.next(({ outcomes }) => outcomes !== undefined)
    await attest('00'.repeat(32))
    await enclave.ask('abort', { jobs: uids })
    const answered = enclave.answers.slice(before).flatMap(({ outcomes }) => outcomes ?? [])
    const judged = answered.filter(({ result }) => result).length
    assert.ok(judged < uids.length, 'the abort came before the end')
    const outcomes = [...(await running).values()]
    assert.equal(outcomes.length, uids.length)
    const aborted = outcomes.filter(({ failure }) => failure?.code === 'JOB_CANCELLED')
    assert.ok(aborted.length > 0)
    assert.ok(outcomes.every(({ result, failure }) => result || failure?.code === 'JOB_CANCELLED'))
  })

  test('ends a batch of nothing at once', async () => {
    assert.equal((await enclave.run(exampleRun())).size, 0)
  })

  test('works on when a signal for its host reaches it too', async () => {
    enclave.kill('SIGINT')
    enclave.kill('SIGTERM')
    assert.ok((await onlyOutcome(specOf(exampleFiles))).result)
  })

  test('starts once', async () => {
    const { error } = await enclave.ask('start', { tee: 'simulated', platformId: '00'.repeat(16) })
    assert.equal(error?.code, 'ENCLAVE_FAILED')
  })
})

// Sealed inputs from end to end: the command line encrypts, looks at the enclave,
// and releases the key; the cluster runs on ciphertext and a receipt says so. In
// between mainframes, workers and enclaves are killed.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { Job_State } from '@vorta/api'
import { policyDecoder, simulatedAnchor } from '@vorta/attestation'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { approveEnclave } from '@vorta/attestation/sealing/approve'
import { sealTo } from '@vorta/attestation/sealing/recipient'
import { makeRelease, releasePurpose } from '@vorta/attestation/sealing/release'
import { fromBase64, systemRandom, toHex, toRfc3339 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { exampleFiles } from '@vorta/enclave/testkit/example'
import { releaseEntryType } from '@vorta/receipt'
import { waitFor, waitForWorkers } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { cli, environmentOf, run, vortaCli } from './kit/cli.ts'
import { jobWhen, stateOf } from './kit/jobs.ts'
import { childrenOf } from './kit/processes.ts'
import { checkpointOf, factsOf, receiptOf, requireGrown } from './kit/receipts.ts'
import { bootSystem } from './kit/system.ts'

const system = await bootSystem({ workers: 2 })
const { client, cluster, folder } = system
const { logKey } = await client.cluster.getServerInfo({})
const spec = join(folder, 'job.json')
const policy = join(folder, 'policy.yaml')

before(() => {
  const artifact = (name: string) => join(import.meta.dirname, '../artifacts', name)
  const proof = {
    system: 'groth16',
    curve: 'bn254',
    encoding: 'snarkjs',
    verificationKey: artifact('verification_key.json'),
    publicInputs: artifact('public.json'),
    proof: artifact('proof.bin'),
  }
  writeFileSync(spec, JSON.stringify({ proof, timeout: '2m' }))
  // Accepts simulated enclaves, but none with a measurement that there is.
  writeFileSync(policy, `simulated: true\nmeasurements: {mrenclave: ["${'00'.repeat(32)}"]}\n`)
})

const submit = (id: string, ...options: string[]) =>
  cli(
    [
      'submit',
      '--job-spec',
      spec,
      '--seal',
      'proof',
      '--seal',
      'public',
      '--job-id',
      id,
      ...options,
    ],
    system,
  )
const awaitsKey = (id: string, attempt = 1) =>
  jobWhen(
    client,
    `jobs/${id}`,
    (job) => job.attempt >= attempt && job.conditions.some(({ type }) => type === 'KeyReleased'),
  )
const release = (id: string, ...options: string[]) =>
  cli(['job', 'release', id, '--allow-simulated', ...options], system)

test('a job runs on inputs that nobody but its enclave has seen', async () => {
  const before = await checkpointOf(client, logKey).catch(() => undefined)
  const { code, stderr } = await submit('private', '--allow-simulated', '--wait')
  assert.equal(code, 0, stderr)
  assert.match(stderr, /Verified SIMULATED sgx [0-9a-f]{64} of workers\/worker-0\d/)
  assert.match(stderr, /AwaitingKeyRelease: the enclave of workers/)
  assert.match(stderr, /Released the key to workers\/worker-0\d: [0-9a-f]{64}, log entry \d+/)

  const file = join(folder, 'private.json')
  await cli(['job', 'receipt', 'private', '-O', file], system)
  const { statement } = await factsOf(readFileSync(file))
  const { sealed, proof } = statement.predicate
  assert.deepEqual(sealed?.inputs.toSorted(), ['proof', 'publicInputs'])
  assert.equal(proof.verdict, 'valid')
  const verified = await cli(['receipt', 'verify', file, '--allow-simulated'], system)
  assert.equal(verified.code, 0, verified.stderr)
  assert.match(
    verified.stdout,
    /sealed inputs +publicInputs, proof: ciphertexts, opened by key release/,
  )
  assert.match((await cli(['receipt', 'show', file])).stdout, /sealed inputs/)
  assert.equal((await cli(['log', 'verify'], system)).code, 0)

  const after = await checkpointOf(client, logKey)
  if (before) await requireGrown(client, before, after)
  const entries = await Promise.all(
    Array.from({ length: after.size }, (_, index) =>
      client.log.getInclusionProof({ index: BigInt(index) }),
    ),
  )
  const entry = entries
    .map(({ entry }) => JSON.parse(Buffer.from(entry).toString()))
    .find(({ release }) => release === sealed?.release)
  assert.equal(entry?.type, releaseEntryType)
})

test('neither key nor plaintext is anywhere but with the requester', () => {
  const found = (text: string): string[] => {
    try {
      const paths = execFileSync('grep', ['-rlaF', text, folder], { encoding: 'utf8' })
      return paths.trim().split('\n')
    } catch {
      return [] // grep found nothing
    }
  }
  const { pi_a } = JSON.parse(Buffer.from(exampleFiles.proof).toString())
  assert.deepEqual(found(pi_a[0]), [])
  const [publicInput] = JSON.parse(Buffer.from(exampleFiles.publicInputs).toString())
  assert.deepEqual(found(publicInput), [])
  const kept = found('"commitment"')[0] ?? ''
  assert.ok(kept.startsWith(join(folder, 'state/vorta/keys')))
  assert.equal(statSync(kept).mode & 0o777, 0o600)
  const { key } = JSON.parse(readFileSync(kept, 'utf8'))
  assert.deepEqual(found(key), [kept])
})

test('the key stays with the requester whose policy refuses the enclave, who may think again', async () => {
  const refused = await submit('choosy', '--policy', policy, '--wait')
  assert.equal(refused.code, 5)
  assert.match(refused.stderr, /the key was kept: MEASUREMENT_NOT_ALLOWED/)
  assert.match(refused.stderr, /next: vorta-cli job release choosy/)
  const { conditions } = await awaitsKey('choosy')
  assert.equal(conditions[0]?.reason, 'AWAITING_KEY_RELEASE')
  assert.equal((await release('choosy', '--policy', policy)).code, 5)

  const hardwareOnly = await cli(['job', 'release', 'choosy'], system)
  assert.equal(hardwareOnly.code, 5)
  assert.match(hardwareOnly.stderr, /SIMULATED_NOT_ALLOWED/)

  const released = await release('choosy', '--wait')
  assert.equal(released.code, 0, released.stderr)
})

test('a job of somebody else stays closed', async () => {
  assert.equal((await submit('foreign')).code, 0)
  await awaitsKey('foreign')
  const elsewhere = { ...environmentOf(system), XDG_STATE_HOME: join(folder, 'elsewhere') }
  const { code, stderr } = await run(vortaCli, ['job', 'release', 'foreign'], elsewhere)
  assert.equal(code, 6)
  assert.match(stderr, /the key of this job's inputs is not here/)
  await client.jobs.cancelJob({ name: 'jobs/foreign' })
})

test('kill -9 of the mainframe between release and result loses nothing', async () => {
  assert.equal((await submit('crashed')).code, 0)
  const { worker } = await awaitsKey('crashed')
  const document = await releaseByHand('crashed')
  const at = cluster.workers.find(({ name }) => `workers/${name}` === worker)
  assert.ok(at)
  const [enclave] = childrenOf(at.process.pid as number)
  // It stands still, so that no result comes before the mainframe is gone.
  process.kill(enclave as number, 'SIGSTOP')
  const request = { job: 'jobs/crashed', release: document }
  const { logIndex } = await client.releases.releaseKey(request)
  cluster.mainframe.process.kill('SIGKILL')
  await cluster.mainframe.exited
  await cluster.startMainframe()
  const again = await client.releases.releaseKey(request)
  assert.equal(again.logIndex, logIndex, 'the release is on disk, and the call safe to repeat')
  process.kill(enclave as number, 'SIGCONT')
  await waitForWorkers(client, 2)
  await finish('crashed')
  const { statement } = await factsOf(await receiptOf(client, 'jobs/crashed'))
  assert.equal(statement.predicate.proof.verdict, 'valid')
  const { entry } = await client.log.getInclusionProof({ index: logIndex })
  assert.equal(JSON.parse(Buffer.from(entry).toString()).type, releaseEntryType)
})

test('an enclave that restarts while it waits gets no key for the old one, and its successor does', async () => {
  assert.equal((await submit('restarted')).code, 0)
  const { worker } = await awaitsKey('restarted')
  const at = cluster.workers.find(({ name }) => `workers/${name}` === worker)
  assert.ok(at)
  const [enclave] = childrenOf(at.process.pid as number)
  process.kill(enclave as number, 'SIGKILL')
  const released = await release('restarted', '--wait')
  assert.equal(released.code, 0, released.stderr)
})

test('a worker that is killed with the key is replaced, and the requester decides anew', async () => {
  assert.equal((await submit('moved')).code, 0)
  const { worker } = await awaitsKey('moved')
  const document = await releaseByHand('moved')
  const at = cluster.workers.find(({ name }) => `workers/${name}` === worker)
  assert.ok(at)
  const [enclave] = childrenOf(at.process.pid as number)
  process.kill(enclave as number, 'SIGSTOP')
  const first = await client.releases.releaseKey({ job: 'jobs/moved', release: document })
  at.process.kill('SIGKILL')
  // Its enclave cannot notice that its host is gone while it stands still.
  process.kill(enclave as number, 'SIGKILL')
  const released = await release('moved', '--wait')
  assert.equal(released.code, 0, released.stderr)
  cluster.startWorker(at.name)
  const { job } = await client.jobs.getJob({ name: 'jobs/moved' })
  assert.notEqual(job?.worker, worker)
  const { statement } = await factsOf(await receiptOf(client, 'jobs/moved'))
  assert.notEqual(statement.predicate.sealed?.release, first.releaseSha256)
})

/** Releases again where the job asks for it, until it has succeeded. */
async function finish(id: string): Promise<void> {
  await waitFor(`${id} to succeed`, async () => {
    const { job } = await client.jobs.getJob({ name: `jobs/${id}` })
    if (job?.conditions.some(({ type }) => type === 'KeyReleased')) await release(id)
    assert.notEqual(job && stateOf(job), 'FAILED', job?.errorMessage)
    return job?.state === Job_State.SUCCEEDED
  })
}

/** What the command line does up to the moment of sending, to be sent at another one. */
async function releaseByHand(id: string): Promise<Uint8Array> {
  const { job } = await client.jobs.getJob({ name: `jobs/${id}` })
  const commitment = job?.spec?.sealed?.keyCommitment
  const file = join(folder, 'state/vorta/keys', `${commitment}.json`)
  const kept = JSON.parse(readFileSync(file, 'utf8'))
  const nonce = systemRandom(32)
  const { jobUid, evidence } = await client.releases.challengeEnclave({ job: `jobs/${id}`, nonce })
  const { measurement } = measureProgram(join(root, 'enclave/src/main.ts'))
  const accepting = policyDecoder({
    simulated: true,
    measurements: { mrenclave: [toHex(measurement)] },
  })
  const request = { evidence, nonce: toHex(nonce), job: jobUid, spec: kept.spec }
  const now = Date.now()
  const options = { anchors: [simulatedAnchor], now }
  const approved = await approveEnclave(nodeCrypto, request, accepting, options)
  const terms = {
    purpose: releasePurpose,
    job: jobUid,
    spec: kept.spec,
    enclave: approved.enclave,
    evidence: approved.evidence,
    maxUses: 1,
    notAfter: toRfc3339(now + 600_000),
  } as const
  return makeRelease(terms, fromBase64(kept.key) as Uint8Array, (info, message) =>
    sealTo(approved.sealingKey, info, message),
  )
}

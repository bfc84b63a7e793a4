import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { reportDataOf } from '@vorta/attestation'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { fromHex, toBase64 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  loggedAt,
  makeEvidence,
  makeTestFile,
  newEnclaveKey,
} from '../../receipt/test/make-receipt.ts'
import { cli, folder, root } from '../test/io.ts'
import { ownMeasurement } from './trust.ts'

const cwd = folder()
const soon = () => loggedAt + 60_000
const offline = (argv: readonly string[], tty = false) => cli(argv, { cwd, now: soon, tty })

/** A receipt of an enclave with a measurement of its own. */
async function receiptOf(measurement: Uint8Array): Promise<Uint8Array> {
  const enclaveKey = newEnclaveKey()
  const { claims } = await makeEvidence(enclaveKey)
  const platformId = new Uint8Array(16).fill(1)
  const provider = simulatedQuoteProvider({ platformId, measurement, now: () => loggedAt })
  const fresh = await provider.quote(reportDataOf(nodeCrypto, claims))
  const quote = toBase64(fresh.quote)
  return makeTestFile({ enclaveKey, evidence: (evidence) => ({ ...evidence, quote }) })
}

before(async () => {
  const own = fromHex((await ownMeasurement()) ?? '00'.repeat(32))
  writeFileSync(join(cwd, 'own.json'), await receiptOf(own ?? new Uint8Array(32)))
  const other = await makeTestFile()
  writeFileSync(join(cwd, 'other.json'), other)
  const flipped = other.slice()
  flipped[flipped.length >> 1]! ^= 1
  writeFileSync(join(cwd, 'flipped.json'), flipped)
  const policy = `attestation: { measurements: { mrenclave: ["${'5a'.repeat(32)}"] } }\n`
  writeFileSync(join(cwd, 'policy.yaml'), policy)
})

test('refuses a simulated receipt by default, and says SIMULATED', async () => {
  const { code, out, err } = await offline(['receipt', 'verify', 'own.json'])
  assert.equal(code, 5)
  assert.match(out, /^SIMULATED: no hardware vouches for this/)
  assert.match(out, /✗ simulated +FAILED SIMULATED_NOT_ALLOWED: /)
  assert.match(out, /\nREFUSED SIMULATED own\.json\n$/)
  assert.equal(err, 'docs: docs/errors.md#simulated_not_allowed\n')
})

test('accepts a simulated receipt of the enclave of this installation when allowed', async () => {
  const { code, out } = await offline(['receipt', 'verify', 'own.json', '--allow-simulated'])
  assert.equal(code, 0, out)
  assert.match(out, /^ {2}✓ measurement +MRENCLAVE /m)
  assert.match(out, /^ {2}verdict +valid +enclave-stated /m)
  assert.match(out, /^Not checked\n {2}· log-key +the policy pins no log/m)
  assert.match(
    out,
    /^as of logged {2}✓ accepted: UpToDate when it was logged\nas of now {5}✓ accepted: /m,
  )
  assert.match(out, /\nACCEPTED SIMULATED own\.json\n$/)
})

test('refuses the receipt of another enclave unless a policy names it', async () => {
  const refused = await offline(['receipt', 'verify', 'other.json', '--allow-simulated'])
  assert.equal(refused.code, 5)
  assert.match(refused.out, /MEASUREMENT_NOT_ALLOWED/)
  const named = ['receipt', 'verify', 'other.json', '--policy', 'policy.yaml']
  assert.equal((await offline([...named, '--allow-simulated'])).code, 0)
  assert.equal((await offline(named)).code, 5)
})

test('refuses a receipt with one bit flipped, and reads it from stdin too', async () => {
  const { code, out } = await offline(['receipt', 'verify', 'flipped.json', '--allow-simulated'])
  assert.equal(code, 5)
  assert.match(out, /✗ \S+ +FAILED [A-Z_]+: /)
  assert.match(out, /· order +not performed: an earlier check failed/)
  const stdin = readFileSync(join(cwd, 'own.json'), 'utf8')
  const read = await cli(['receipt', 'verify', '-', '--allow-simulated'], { cwd, now: soon, stdin })
  assert.equal(read.code, 0)
})

test('verdicts as of logged and as of now can differ', async () => {
  const late = [
    'receipt',
    'verify',
    'own.json',
    '--allow-simulated',
    '--at',
    '2027-01-01T00:00:00Z',
  ]
  const { code, out } = await offline([...late])
  assert.equal(code, 0)
  assert.match(out, /^as of now {5}✗ refused: stale: /m)
  const early = await offline([...late.slice(0, -1), '1700000000'])
  assert.equal(early.code, 5)
  assert.match(early.out, /LOGGED_IN_FUTURE/)
  assert.equal((await offline([...late.slice(0, -1), 'tomorrow'])).code, 2)
})

test('compares outputs, the proof and the key that are expected', async () => {
  const verify = (...more: string[]) =>
    offline(['receipt', 'verify', 'own.json', '--allow-simulated', ...more])
  const right = await verify('--expect-proof', `sha256:${'33'.repeat(32)}`)
  assert.equal(right.code, 0)
  const wrong = await verify('--expect-vk', join(root, 'artifacts/verification_key.json'))
  assert.equal(wrong.code, 5)
  assert.match(wrong.out, /EXPECTATION_MISMATCH/)
  assert.match((await verify('--output', 'policy.yaml')).out, /OUTPUT_UNKNOWN/)
  assert.match((await verify('--output', 'verdict.json=policy.yaml')).out, /OUTPUT_MISMATCH/)
})

test('pins the key of the log', async () => {
  const { log } = JSON.parse((await offline(['receipt', 'show', 'own.json', '--json'])).out)
    .statement.predicate
  writeFileSync(join(cwd, 'log.vkey'), `${log.key}\n`)
  const verify = (key: string) =>
    offline(['receipt', 'verify', 'own.json', '--allow-simulated', '--log-key', key])
  assert.equal((await verify(log.key)).code, 0)
  assert.equal((await verify('log.vkey')).code, 0)
  const foreign = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const refused = await verify(foreign)
  assert.equal(refused.code, 5)
  assert.match(refused.out, /LOG_NOT_TRUSTED/)
  assert.equal((await verify('none.vkey')).code, 6)
})

test('gives the whole appraisal as JSON with stable keys', async () => {
  const keys = [
    'accepted',
    'asOfLogged',
    'asOfNow',
    'checks',
    'findings',
    'simulated',
    'facts',
    'claims',
  ]
  const { out } = await offline(['receipt', 'verify', 'own.json', '-o', 'json'])
  const appraisal = JSON.parse(out)
  assert.deepEqual(Object.keys(appraisal), keys)
  assert.equal(appraisal.simulated, true)
  assert.equal(appraisal.asOfLogged.code, 'SIMULATED_NOT_ALLOWED')
  assert.match(appraisal.facts.log.root, /^[0-9a-f]{64}$/)
})

test('shows a receipt as UNVERIFIED, and colours SIMULATED violet on a terminal', async () => {
  const { code, out } = await offline(['receipt', 'show', 'own.json'])
  assert.equal(code, 0)
  assert.match(out, /^status +UNVERIFIED: /)
  assert.match(out, /^enclave +SIMULATED$/m)
  assert.equal((await offline(['receipt', 'show', 'policy.yaml'])).code, 5)
  const coloured = await offline(['receipt', 'verify', 'own.json'], true)
  assert.ok(coloured.out.startsWith('\u001b[35mSIMULATED'))
})

const files = (name: string) => join(root, 'artifacts', name)
const triple = ['--vk', files('verification_key.json'), '--public', files('public.json')]

test('accepts the example proof, and refuses it for other inputs', async () => {
  const { code, out } = await offline(['proof', 'verify', files('proof.bin'), ...triple, '--json'])
  assert.equal(code, 0)
  const result = JSON.parse(out)
  assert.equal(result.verdict, 'valid')
  assert.equal(result.rejectCode, null)
  for (const key of ['system', 'curve', 'engine', 'vkSha256', 'publicInputsSha256']) {
    assert.equal(typeof result[key], 'string', key)
  }
  writeFileSync(join(cwd, 'other-public.json'), '["15"]')
  const wrong = ['--vk', files('verification_key.json'), '--public', 'other-public.json']
  const refused = await offline(['proof', 'verify', files('proof.bin'), ...wrong])
  assert.equal(refused.code, 5)
  assert.match(refused.out, /^✗ INVALID groth16 bn254: PAIRING_MISMATCH: /)
})

test('reads a proof with its key and inputs from one document', async () => {
  const read = (name: string) => JSON.parse(readFileSync(files(name), 'utf8'))
  const document = {
    system: 'groth16',
    curve: 'bn254',
    encoding: 'snarkjs',
    vk: read('verification_key.json'),
    proof: read('proof.bin'),
    publicInputs: read('public.json'),
  }
  const verify = async (value: unknown) => {
    writeFileSync(join(cwd, 'document.json'), JSON.stringify(value))
    const { code, out } = await offline(['proof', 'verify', 'document.json', '-o', 'json'])
    return { code, ...JSON.parse(out) }
  }
  assert.equal((await verify(document)).code, 0)
  const invalid = await verify({ ...document, publicInputs: ['16'] })
  assert.deepEqual([invalid.code, invalid.verdict], [5, 'invalid'])
  const malformed = await verify({ ...document, publicInputs: [16] })
  assert.deepEqual(
    [malformed.code, malformed.verdict, malformed.rejectCode],
    [5, 'refused', 'MALFORMED_PUBLIC_INPUTS'],
  )
  const other = await verify({ ...document, system: 'plonk' })
  assert.deepEqual([other.code, other.rejectCode], [5, 'SYSTEM_UNSUPPORTED'])
})

test('refuses a proof that is not JSON, and asks for the key where it is missing', async () => {
  writeFileSync(join(cwd, 'broken.json'), '{"pi_a": [')
  const broken = await offline(['proof', 'verify', 'broken.json', ...triple, '-o', 'json'])
  assert.equal(broken.code, 5)
  assert.equal(JSON.parse(broken.out).rejectCode, 'MALFORMED_JSON')
  assert.equal((await offline(['proof', 'verify', files('proof.bin')])).code, 2)
})

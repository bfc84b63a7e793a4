// A real receipt of a real cluster, changed in every way: nothing but the
// receipt itself may be accepted, and the check that broke must be named.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { toHex } from '@vorta/core'
import type { FlipResult, FlipTask } from '../receipt/test/flip-worker.ts'
import { root } from '../scripts/cluster.ts'
import { cli, run, vortaCli } from './kit/cli.ts'
import { createJob, ended, upload } from './kit/jobs.ts'
import { factsOf } from './kit/receipts.ts'
import { bootSystem } from './kit/system.ts'

const system = await bootSystem({ workers: 1 })
const path = join(system.folder, 'receipt.json')
let receipt = ''

type CheckJson = { readonly name: string; readonly outcome: string; readonly code?: string }
type AppraisalJson = {
  readonly accepted: boolean
  readonly checks: readonly CheckJson[]
  readonly findings: readonly CheckJson[]
  readonly asOfLogged: { readonly accepted: boolean; readonly code?: string }
  readonly asOfNow: { readonly accepted: boolean; readonly code?: string }
}

const verify = (file: string, ...options: string[]) => cli(['receipt', 'verify', file, ...options])

/** Exit code and JSON of `receipt verify`. */
async function appraise(file: string, ...options: string[]) {
  const { code, stdout } = await verify(file, ...options, '-o', 'json')
  return { code, appraisal: JSON.parse(stdout) as AppraisalJson }
}

const failedOf = (checks: readonly CheckJson[]): CheckJson | undefined =>
  checks.find(({ outcome }) => outcome === 'failed')

before(async () => {
  const { client, cluster } = system
  await upload(client)
  // One after the other, so that the receipt has an inclusion proof with hashes in it.
  let name = ''
  for (let i = 0; i < 3; i++) {
    name = await createJob(client)
    await ended(client, name)
  }
  const { code } = await cli(['job', 'receipt', name.slice('jobs/'.length), '-O', path], system)
  assert.equal(code, 0)
  // From here on nothing is online.
  await cluster.stop()
  receipt = readFileSync(path, 'utf8')
  assert.ok((await factsOf(readFileSync(path))).log.size >= 2)
})

test('accepts the receipt with every server stopped, and says SIMULATED', async () => {
  const { code, stdout } = await verify(path, '--allow-simulated')
  assert.equal(code, 0)
  assert.match(stdout, /^SIMULATED/)
  assert.match(stdout, /ACCEPTED SIMULATED/)
})

test('accepts it without a network', async (context: TestContext) => {
  const isolated = ['-n', 'true']
  const permitted = await run('unshare', isolated).then(
    ({ code }) => code === 0,
    () => false,
  )
  if (!permitted) return context.skip('this user may not `unshare -n`')
  const command = ['-n', vortaCli, 'receipt', 'verify', path, '--allow-simulated']
  const { code, stderr } = await run('unshare', command)
  assert.equal(code, 0, stderr)
})

test('refuses it where nobody allowed SIMULATED', async () => {
  const { code, appraisal } = await appraise(path)
  assert.equal(code, 5)
  assert.equal(failedOf(appraisal.checks), undefined, 'it is genuine all the same')
  assert.equal(failedOf(appraisal.findings)?.code, 'SIMULATED_NOT_ALLOWED')
  const { stdout } = await verify(path)
  assert.match(stdout, /✗ simulated +FAILED SIMULATED_NOT_ALLOWED/)
})

test('refuses it by a policy file that says simulated: false', async () => {
  const own = toHex(measureProgram(join(root, 'enclave/src/main.ts')).measurement)
  const policy = join(system.folder, 'policy.yaml')
  const text = (simulated: boolean) =>
    `attestation:\n  tees: [sgx]\n  simulated: ${simulated}\n  measurements: { mrenclave: ["${own}"] }\n`
  writeFileSync(policy, text(false))
  const { code, appraisal } = await appraise(path, '--policy', policy)
  assert.equal(code, 5)
  assert.equal(failedOf(appraisal.findings)?.code, 'SIMULATED_NOT_ALLOWED')
  writeFileSync(policy, text(true))
  assert.equal((await verify(path, '--policy', policy)).code, 0)
})

test('tells what held when it was logged from what holds later', async () => {
  const { code, appraisal } = await appraise(
    path,
    '--allow-simulated',
    '--at',
    `${Math.floor(Date.now() / 1000) + 400 * 24 * 3600}`,
  )
  assert.equal(code, 0, 'accepted as of when it was logged')
  assert.equal(appraisal.asOfLogged.accepted, true)
  assert.equal(appraisal.asOfNow.accepted, false)
  assert.match(appraisal.asOfNow.code ?? '', /_EXPIRED$/)
})

/** Another character of the same alphabet: the change is in the value, not in its spelling. */
function flipAt(text: string, at: number): string {
  const got = text[at] as string
  const other = /\d/.test(got) ? (got === '1' ? '2' : '1') : got === 'a' ? 'b' : 'a'
  return text.slice(0, at) + other + text.slice(at + 1)
}

/** Flips the character `offset` characters into what follows `before`. */
const flipAfter = (before: string, offset: number) => (text: string) => {
  const at = text.indexOf(before)
  assert.ok(at >= 0, `the receipt has ${before}`)
  return flipAt(text, at + before.length + offset)
}

const flips: readonly {
  readonly region: string
  readonly flip: (text: string) => string
  readonly check: string
  readonly code: string
}[] = [
  {
    region: 'media type',
    flip: flipAfter('"mediaType":"', 4),
    check: 'format',
    code: 'RECEIPT_MALFORMED',
  },
  {
    region: 'payload',
    flip: flipAfter('"payload":"', 200),
    check: 'envelope',
    code: 'ENVELOPE_SIGNATURE',
  },
  {
    region: 'signature',
    flip: flipAfter('"sig":"', 10),
    check: 'envelope',
    code: 'ENVELOPE_SIGNATURE',
  },
  { region: 'key id', flip: flipAfter('"keyid":"', 10), check: 'envelope', code: 'KEYID_MISMATCH' },
  {
    region: 'claims',
    flip: flipAfter('"nonce":"', 10),
    check: 'evidence',
    code: 'REPORT_DATA_MISMATCH',
  },
  {
    region: 'quote',
    flip: flipAfter('"quote":"', 300),
    check: 'evidence',
    code: 'QUOTE_SIGNATURE',
  },
  {
    region: 'collateral',
    flip: flipAfter('tcbEvaluationDataNumber\\":', 0),
    check: 'evidence',
    code: 'QEID_SIGNATURE',
  },
  {
    region: 'inclusion proof',
    flip: flipAfter('"inclusion":["', 10),
    check: 'inclusion',
    code: 'INCLUSION_MISMATCH',
  },
  {
    region: 'checkpoint',
    flip: flipAfter('"checkpoint":"', 45),
    check: 'checkpoint',
    code: 'CHECKPOINT_SIGNATURE',
  },
  {
    region: 'log index',
    flip: flipAfter('"index":', 0),
    check: 'inclusion',
    code: 'INCLUSION_MISMATCH',
  },
  {
    region: 'log origin',
    flip: flipAfter('"origin":"', 2),
    check: 'log-entry',
    code: 'LOG_ORIGIN_MISMATCH',
  },
  {
    region: 'log time',
    flip: (text) => flipAt(text, text.lastIndexOf('"time":"') + 26),
    check: 'inclusion',
    code: 'INCLUSION_MISMATCH',
  },
]

for (const { region, flip, check, code } of flips) {
  test(`refuses one byte changed in the ${region}, and names the check "${check}"`, async () => {
    const broken = join(system.folder, `broken-${region.replaceAll(' ', '-')}.json`)
    writeFileSync(broken, flip(receipt))
    const [json, text] = await Promise.all([
      appraise(broken, '--allow-simulated'),
      verify(broken, '--allow-simulated'),
    ])
    const failed = failedOf(json.appraisal.checks)
    assert.deepEqual([json.code, failed?.name, failed?.code], [5, check, code])
    assert.equal(json.appraisal.accepted, false)
    assert.equal(text.code, 5)
    assert.match(text.stdout, new RegExp(`✗ ${check} +FAILED ${code}`))
    assert.match(text.stdout, /^REFUSED/m)
  })
}

test('accepts it with no byte of it changed', async (context) => {
  const file = new Uint8Array(readFileSync(path))
  // The lowest bit makes another valid character nearly everywhere.
  const changes = [...file.keys()].map((at) => [at, 0x01] as const)
  const workers = availableParallelism()
  const results = await Promise.all(
    Array.from({ length: workers }, (_, share) =>
      verifyFlipped({
        file,
        flips: changes.filter((_change, at) => at % workers === share),
        now: Date.now(),
      }),
    ),
  )
  const accepted = results.flatMap((result) => result.accepted)
  const refused = results.flatMap(({ codes }) => Object.values(codes)).reduce((a, b) => a + b, 0)
  context.diagnostic(
    `${refused} changed files refused; accepted offsets: ${accepted.join(' ') || 'none'}`,
  )
  assert.deepEqual(accepted, [])
  assert.equal(refused, file.length)
})

const verifyFlipped = (task: FlipTask): Promise<FlipResult> =>
  new Promise((resolve, reject) => {
    const url = new URL('../receipt/test/flip-worker.ts', import.meta.url)
    new Worker(url, { workerData: task }).once('message', resolve).once('error', reject)
  })

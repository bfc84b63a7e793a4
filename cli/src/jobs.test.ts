import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { PlacementReportSchema, Worker_State, WorkerSchema } from '@vorta/api'
import { utf8 } from '@vorta/core'
import { cli, folder, root, type World } from '../test/io.ts'
import { type Mainframe, startMainframe, token } from '../test/mainframe.ts'

let mainframe: Mainframe
const env = { VORTA_TOKEN: token }

beforeEach(async () => {
  await mainframe?.close()
  mainframe = await startMainframe()
})
after(() => mainframe.close())

/** Runs a command against the test's mainframe. */
const at = (argv: readonly string[], world: World = {}) =>
  cli([...argv, '--endpoint', mainframe.url], { env, ...world })

const example = ['--job-spec', 'jobs/example_job.json', '--proof', 'artifacts/proof.bin']
const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A project with a spec and the three files it names. */
function project(change: Record<string, unknown> = {}, name = 'job.json') {
  const cwd = folder()
  mkdirSync(join(cwd, 'files'))
  for (const file of ['vk', 'public', 'proof'])
    writeFileSync(join(cwd, 'files', file), `the ${file}`)
  const paths = { verificationKey: 'files/vk', publicInputs: 'files/public', proof: 'files/proof' }
  const proof = { system: 'groth16', curve: 'bn254', encoding: 'snarkjs', ...paths }
  writeFileSync(join(cwd, name), JSON.stringify({ proof, ...change }))
  return cwd
}

const noFit = () =>
  create(PlacementReportSchema, {
    evaluated: 3,
    feasible: 0,
    refused: { TCB_OUT_OF_DATE: 1, INSUFFICIENT_EPC: 2 },
    candidates: [
      {
        worker: 'workers/worker-02',
        filteredBy: 'epc',
        reason: 'INSUFFICIENT_EPC',
        message: 'needs 256 MiB, best free 128 MiB',
      },
      {
        worker: 'workers/worker-03',
        filteredBy: 'attestation',
        reason: 'TCB_OUT_OF_DATE',
        message: 'advisory INTEL-SA-00837',
      },
    ],
  })

test('the command of the original description uploads, submits and prints the name', async () => {
  const { code, out, err } = await cli(['submit', '--endpoint', mainframe.url, ...example], { env })
  assert.equal(code, 0)
  assert.equal(out, 'jobs/j1\n')
  assert.match(
    err,
    /^ {3}Uploading verificationKey, .*\n {3}Uploading publicInputs, .*\n {3}Uploading proof, /,
  )
  assert.match(err, /^ {3}Submitted example as j1\nnext: vorta-cli job watch j1\n$/m)

  const proof = readFileSync(join(root, 'artifacts/proof.bin'))
  assert.deepEqual(Buffer.from(mainframe.artifacts.get(sha256(proof))!), proof)
  const spec = mainframe.jobs.get('jobs/j1')?.spec
  assert.equal(spec?.work.value?.proof, sha256(proof))
  assert.match(mainframe.requestIds[0]!, /^[0-9a-f-]{36}$/)
})

test('uploads nothing twice', async () => {
  await at(['submit', ...example])
  const { err } = await at(['submit', ...example])
  assert.doesNotMatch(err, /Uploading/)
})

test('sends the token of the context to a loopback endpoint', async () => {
  const cwd = project()
  writeFileSync(join(cwd, 'admin.token'), `${token}\n`)
  writeFileSync(
    join(cwd, '.vorta.yaml'),
    'current: a\ncontexts:\n  a: { endpoint: "http://127.0.0.1:7070", tokenFile: admin.token }\n',
  )
  assert.equal((await at(['job', 'list'], { cwd, env: {} })).code, 0)
  assert.deepEqual(mainframe.seenTokens, [`Bearer ${token}`])
})

test('exits with 4 and says which token it had when it is not let in', async () => {
  const { code, err } = await at(['job', 'list'], { env: { VORTA_TOKEN: 'wrong' } })
  assert.equal(code, 4)
  assert.match(err, /^error: expected a known token\nhint: .*token: VORTA_TOKEN\n/s)
})

test('reads a spec in YAML from stdin, with paths from the working directory', async () => {
  const stdin = `proof:
  system: groth16
  curve: bn254
  encoding: snarkjs
  verificationKey: files/vk
  publicInputs: files/public
  proof: sha256:${'ab'.repeat(32)}
priority: 7
resources: { memory: 64Mi, epc: 4096 }
timeout: 1500ms
retry: { maxAttempts: 2 }
placement: { tees: [simulated], workers: [worker-01] }
`
  const { code } = await at(['submit', '--job-spec', '-', '--job-id', 'mine'], {
    cwd: project(),
    stdin,
  })
  assert.equal(code, 0)
  const spec = mainframe.jobs.get('jobs/mine')?.spec
  assert.equal(spec?.work.value?.proof, `sha256:${'ab'.repeat(32)}`)
  assert.equal(spec?.work.value?.verificationKey, sha256(utf8('the vk')))
  assert.equal(spec?.priority, 7)
  assert.equal(spec?.resources?.memoryBytes, 64n * 2n ** 20n)
  assert.equal(spec?.resources?.epcBytes, 4096n)
  assert.deepEqual([spec?.timeout?.seconds, spec?.timeout?.nanos], [1n, 500_000_000])
  assert.equal(spec?.retry?.maxAttempts, 2)
  assert.deepEqual(spec?.placement?.tees, ['simulated'])
})

for (const [name, change, message] of [
  [
    'an unknown field',
    { timeuot: '30s' },
    /job\.json: timeuot: expected only .*hint: did you mean timeout/s,
  ],
  ['a timeout without a unit', { timeout: '30' }, /timeout: expected a duration/],
  ['a priority of 0', { priority: 0 }, /priority: expected a whole number from 1 to 100/],
  ['no proof member', { proof: undefined }, /proof: expected an object/],
] as const) {
  test(`refuses a spec with ${name}`, async () => {
    const { code, err } = await at(['submit', '--job-spec', 'job.json'], { cwd: project(change) })
    assert.equal(code, 2)
    assert.match(err, message)
    assert.equal(mainframe.seenTokens.length, 0, 'asked the server nothing')
  })
}

test('refuses a spec that repeats a key, and one whose file is missing', async () => {
  const cwd = project()
  writeFileSync(join(cwd, 'twice.json'), '{"name": "a", "name": "b"}')
  assert.equal((await at(['submit', '--job-spec', 'twice.json'], { cwd })).code, 2)
  const missing = await at(['submit', '--job-spec', 'job.json', '--proof', 'none'], { cwd })
  assert.equal(missing.code, 6)
  assert.match(missing.err, /^error: none: no such file/)
})

test('streams a large artifact in chunks and goes on where a connection broke', async () => {
  const cwd = project()
  const large = Buffer.alloc(5 * 2 ** 20, 'large')
  writeFileSync(join(cwd, 'files/proof'), large)
  mainframe.uploadBreaksAfter = 2 * 2 ** 20
  const { code, err } = await at(['submit', '--job-spec', 'job.json'], { cwd })
  assert.equal(code, 0, err)
  assert.match(err, /^ {4}Resuming proof at [23](\.\d)? MiB$/m)
  assert.deepEqual(Buffer.from(mainframe.artifacts.get(sha256(large))!), large)
})

test('repeats CreateJob with the same request id when the server goes away in between', async () => {
  mainframe.breaks.set('CreateJob', 1)
  assert.equal((await at(['submit', ...example])).code, 0)
  assert.equal(mainframe.jobs.size, 1)
})

test('a dry run prints the placement, uploads nothing and stores nothing', async () => {
  mainframe.report = create(PlacementReportSchema, {
    evaluated: 1,
    feasible: 1,
    worker: 'workers/worker-01',
    candidates: [
      {
        worker: 'workers/worker-01',
        score: 0.75,
        terms: [{ plugin: 'spread', score: 0.75, weight: 1 }],
      },
    ],
  })
  const { code, out } = await at(['submit', ...example, '--dry-run'])
  assert.equal(code, 0)
  assert.equal(
    out,
    '1 evaluated, 1 feasible, chosen worker-01\n' +
      'WORKER     FITS  SCORE  WHY\n' +
      'worker-01  yes   0.750  spread 0.75×1\n',
  )
  assert.equal(mainframe.artifacts.size + mainframe.jobs.size, 0)
})

test('a dry run that fits nowhere says why, per reason, and exits with 3', async () => {
  mainframe.report = noFit()
  const { code, err } = await at(['submit', ...example, '--dry-run', '-q'])
  assert.equal(code, 3)
  assert.equal(
    err,
    'error: no worker can run jobs/example_job.json: 3 evaluated, 0 feasible\n' +
      '  2 × INSUFFICIENT_EPC  needs 256 MiB, best free 128 MiB (worker-02)\n' +
      '  1 × TCB_OUT_OF_DATE   advisory INTEL-SA-00837 (worker-03)\n' +
      'hint: lower resources.epc in the job spec, or see `vorta-cli worker list -o wide`\n' +
      'docs: docs/errors.md#no_worker_fits\n',
  )
})

test('run follows the job, prints it and writes the receipt', async () => {
  const cwd = project()
  mainframe.receipt = utf8('{"a":"receipt"}')
  const { code, out, err } = await at(
    ['run', '--job-spec', 'job.json', '--receipt', 'out/receipt.json'],
    { cwd },
  )
  assert.equal(code, 0)
  assert.match(
    err,
    /^==> \d\d:\d\d:\d\d Placed: attempt 1 on workers\/worker-01\n==> .* Succeeded: /m,
  )
  assert.match(err, /next: vorta-cli receipt verify out\/receipt\.json\n$/)
  assert.match(out, /^name +jobs\/j1\nstate +SUCCEEDED\nverdict +valid\ntee +SIMULATED$/m)
  assert.equal(readFileSync(join(cwd, 'out/receipt.json'), 'utf8'), '{"a":"receipt"}')
})

test('an invalid proof is a job that succeeded; --require-valid makes it exit with 5', async () => {
  mainframe.verdict = 'invalid'
  assert.equal((await at(['run', ...example])).code, 0)
  assert.equal((await at(['run', ...example, '--require-valid'])).code, 5)
  mainframe.verdict = 'valid'
  assert.equal((await at(['run', ...example, '--require-valid'])).code, 0)
})

test('a failed job exits with 1, an unschedulable one with 3', async () => {
  mainframe.failWith = 'WORKER_LOST'
  const failed = await at(['run', ...example])
  assert.equal(failed.code, 1)
  assert.match(failed.out, /^error +WORKER_LOST: it did not work out$/m)
  assert.equal((await at(['submit', ...example, '--wait'])).code, 1)
  assert.equal((await at(['job', 'watch', 'j1'])).code, 1)
  mainframe.failWith = 'NO_WORKER_FITS'
  mainframe.report = noFit()
  const { code, err } = await at(['run', ...example])
  assert.equal(code, 3)
  assert.equal(err.match(/no worker can run job "j\d": 3 evaluated, 0 feasible/g)?.length, 1)
})

test('run --detach prints the name and returns', async () => {
  mainframe.hold = true
  const { code, out } = await at(['run', ...example, '-d'])
  assert.equal(code, 0)
  assert.equal(out, 'jobs/j1\n')
})

test('watch takes a broken connection up again and says no event twice', async () => {
  mainframe.hold = true
  await at(['submit', ...example])
  const watched = at(['job', 'watch', 'j1'], {
    onTalk: (talk) => {
      // Each is done once: the talk that follows contains what went before.
      if (talk.endsWith('at work\n')) {
        mainframe.breaks.set('WatchJob', 1)
        mainframe.dropSessions()
      }
      if (talk.endsWith('trying again\n')) {
        at(['job', 'cancel', 'j1'])
      }
    },
  })
  const { code, err } = await watched
  assert.equal(code, 1)
  assert.deepEqual(err.match(/(?<===> \S+ )\w+/g), ['Placed', 'Running', 'Cancelled'])
})

test('Ctrl-C lets go of the job, which lives on', async () => {
  mainframe.hold = true
  const { code, out, err } = await at(['run', ...example], {
    onTalk: (talk, press) => talk.endsWith('at work\n') && press(),
  })
  assert.equal(code, 130)
  assert.equal(out, '')
  assert.match(err, /The job lives on\. next: vorta-cli job watch j1\n$/)
})

test('a second Ctrl-C asks, and cancels on yes', async () => {
  mainframe.hold = true
  const pressed = (stdin: string) =>
    at(['run', ...example], {
      tty: true,
      stdin,
      env: { ...env, NO_COLOR: '1' },
      onTalk: (talk, press) => {
        if (talk.endsWith('at work\n') || talk.endsWith('to cancel it\n')) press()
      },
    })
  const yes = await pressed('y\n')
  assert.match(yes.err, /Cancel job j1\? \[y\/N\] /)
  assert.equal(yes.code, 1)
  assert.match(yes.out, /^state +CANCELLED$/m)
  const no = await pressed('\n')
  assert.equal(no.code, 130)
})

test('lists jobs over all pages, in every form', async () => {
  for (let i = 0; i < 5; i++) await at(['submit', ...example])
  const names = (await at(['job', 'list', '-q'])).out
  assert.equal(names, 'jobs/j1\njobs/j2\njobs/j3\njobs/j4\njobs/j5\n')
  assert.equal((await at(['job', 'list', '-q', '--limit', '3'])).out.split('\n').length, 4)
  const table = (await at(['job', 'list'])).out
  assert.match(table, /^NAME +STATE +VERDICT +TEE +WORKER +RECEIPT +AGE$/m)
  assert.match(table, /^j1 {4}SUCCEEDED {2}valid {4}SIMULATED {2}-/m)
  const [first] = JSON.parse((await at(['job', 'list', '-o', 'json'])).out)
  assert.equal(first.state, 'STATE_SUCCEEDED')
  for (const key of [
    'name',
    'uid',
    'state',
    'verdict',
    'tee',
    'errorCode',
    'receiptIndex',
    'etag',
  ]) {
    assert.ok(key in first, key)
  }
  const lines = (await at(['job', 'list', '-o', 'jsonl', '--fields', 'name,verdict'])).out
  assert.equal(lines.split('\n')[0], '{"name":"jobs/j1","verdict":"valid"}')
  assert.match((await at(['job', 'list', '-o', 'yaml'])).out, /^- name: jobs\/j1$/m)
  assert.equal((await at(['job', 'list', '--fields', 'nmae'])).code, 2)
})

test('shows a job, its events and its placement', async () => {
  await at(['submit', ...example])
  assert.equal(JSON.parse((await at(['job', 'get', 'j1', '--json'])).out).name, 'jobs/j1')
  assert.equal((await at(['job', 'get', 'jobs/j1', '-o', 'name'])).out, 'jobs/j1\n')
  assert.match(
    (await at(['job', 'events', 'j1'])).out,
    /Placed .*\n.*Succeeded +the proof is valid/,
  )
  mainframe.report = noFit()
  const explained = await at(['job', 'explain', 'j1'])
  assert.match(explained.out, /worker-02 {2}no +- +INSUFFICIENT_EPC: needs 256 MiB/)
  assert.match((await at(['job', 'cancel', 'j1'])).err, /next: vorta-cli job events j1/)
  assert.match(
    (await at(['job', 'stop', 'j1', '--grace', '5s'])).err,
    /next: vorta-cli job watch j1/,
  )
})

test('exits with 6 for what does not exist', async () => {
  const { code, err } = await at(['job', 'get', 'none'])
  assert.equal(code, 6)
  assert.match(err, /^error: jobs\/none does not exist\n.*docs: docs\/errors\.md#job_not_found\n$/s)
  assert.equal((await at(['worker', 'get', 'none'])).code, 6)
})

test('writes a receipt to a file or to stdout, byte by byte', async () => {
  const cwd = folder()
  mainframe.receipt = utf8('{"é":1}')
  assert.equal((await at(['job', 'receipt', 'j1'], { cwd })).out, '{"é":1}')
  await at(['job', 'receipt', 'j1', '-O', 'r.json'], { cwd })
  assert.ok(existsSync(join(cwd, 'r.json')))
})

test('lists workers and says SIMULATED', async () => {
  assert.match((await at(['worker', 'list'])).err, /^no workers; start one with/)
  mainframe.workers.push(
    create(WorkerSchema, {
      name: 'workers/worker-01',
      state: Worker_State.READY,
      tee: { kind: 'simulated', epcBytes: 2n ** 27n, measurement: 'ab'.repeat(32) },
      usage: { epcFreeBytes: 2n ** 26n, memoryFreeBytes: 2n ** 30n, running: 1, slots: 4 },
      attestation: { accepted: true, tcbStatus: 'UpToDate', simulated: true },
    }),
  )
  const { out } = await at(['worker', 'list'])
  assert.match(
    out,
    /^worker-01 {2}READY {2}SIMULATED {2}UpToDate {2}accepted +1\/4 {4}64 MiB {5}1 GiB/m,
  )
  assert.match((await at(['worker', 'get', 'worker-01'])).out, /^tee +SIMULATED$/m)
  assert.match((await at(['worker', 'list', '-o', 'wide'])).out, /MEASUREMENT/)
})

test('makes raw calls, unary and streaming', async () => {
  await at(['submit', ...example])
  const info = await at(['api', 'vorta.v1.ClusterService/GetServerInfo'])
  assert.equal(JSON.parse(info.out).simulatedAccepted, true)
  const cwd = folder()
  writeFileSync(join(cwd, 'request.json'), '{"name": "jobs/j1"}')
  const job = await at(['api', 'JobService/GetJob', '--data', '@request.json'], { cwd })
  assert.equal(JSON.parse(job.out).job.name, 'jobs/j1')
  const watch = await at(['api', 'JobService/WatchJob', '--data', '{"name": "jobs/j1"}'])
  assert.equal(JSON.parse(watch.out.split('\n')[0]!).job.state, 'STATE_SUCCEEDED')
})

test('the doctor checks the server, and names what is simulated', async () => {
  const { code, out } = await at(['doctor', '-o', 'json'], { now: () => Date.now() })
  const findings: { name: string; status: string; detail: string }[] = JSON.parse(out)
  const status = Object.fromEntries(findings.map(({ name, status }) => [name, status]))
  assert.deepEqual(
    [status.node, status.endpoint, status.token, status.clock, status.gramine],
    ['ok', 'ok', 'ok', 'ok', 'absent'],
  )
  assert.match(findings.find(({ name }) => name === 'gramine')!.detail, /SIMULATED/)
  assert.equal(code, findings.some(({ status }) => status === 'fail') ? 1 : 0)

  const skewed = await at(['doctor'], { now: () => Date.now() + 3_600_000 })
  assert.match(skewed.out, /^WARN {4}clock +360\d s from the server's \(CLOCK_SKEW\)$/m)
  const denied = await at(['doctor'], { env: { VORTA_TOKEN: 'wrong' } })
  assert.equal(denied.code, 1)
  assert.match(denied.out, /^FAIL {4}token/m)
})

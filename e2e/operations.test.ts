// The life of an installation: the commands as they are documented, start and
// stop, restart, what is on disk and who may read it, and the log as files.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Job } from '@vorta/api'
import { toHex } from '@vorta/core'
import { type ApiClient, connect, waitFor, waitForWorkers } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { type Ran, run, vortaCli } from './kit/cli.ts'
import { ended, isFinal, jobWhen, listJobs, specOf, stateOf, upload } from './kit/jobs.ts'
import { entriesIn, leafHash, rootOf } from './kit/merkle.ts'
import { type Program, startProgram } from './kit/programs.ts'
import { checkpointOf, factsOf, receiptOf } from './kit/receipts.ts'
import { metricsOf, temporaryFolder } from './kit/system.ts'

const { path: folder, remove } = temporaryFolder()
after(remove)
const dataFolder = join(folder, 'mainframe')
const adminToken = join(dataFolder, 'admin.token')
const workerConfig = join(folder, 'worker.yaml')

const logs: Program[] = []
let url = ''
let mainframe: Program
let client: ApiClient
const workers = new Map<string, Program>()

const metric = metricsOf(() => url)

/** `./bin/vorta-mainframe --config …`, at the same address as before. */
async function startMainframe(): Promise<void> {
  const listen = url === '' ? '127.0.0.1:0' : new URL(url).host
  const args = ['--config', 'config/mainframe.yaml', '--listen', listen]
  mainframe = startProgram('vorta-mainframe', [...args, '--data-folder', dataFolder])
  logs.push(mainframe)
  url = await mainframe.printed(/^listening on (\S+)$/m)
}

/** `./bin/vorta-worker --config … --node-id …` */
function startWorker(id: string): void {
  const worker = startProgram('vorta-worker', ['--config', workerConfig, '--node-id', id])
  workers.set(id, worker)
  logs.push(worker)
}

const cli = (...args: string[]): Promise<Ran> =>
  run(vortaCli, args, {
    VORTA_ENDPOINT: url,
    VORTA_TOKEN_FILE: adminToken,
    XDG_STATE_HOME: join(folder, 'state'),
  })

before(async () => {
  await startMainframe()
  // The documented file, with this test's address and folders.
  const text = readFileSync(join(root, 'config/worker.yaml'), 'utf8')
    .replace('http://127.0.0.1:7070', url)
    .replace('data/mainframe/join.token', join(dataFolder, 'join.token'))
    .replace('data/workers', join(folder, 'workers'))
  writeFileSync(workerConfig, text)
  startWorker('worker-01')
  startWorker('worker-02')
  client = connect(url, adminToken)
  await waitForWorkers(client, 2)
})

test('runs the documented commands as they are written', async () => {
  const job = ['--job-spec', 'jobs/example_job.json', '--proof', 'artifacts/proof.bin']
  const submitted = await cli('submit', '--endpoint', url, ...job)
  assert.equal(submitted.code, 0, submitted.stderr)
  const name = submitted.stdout.trim()
  assert.match(name, /^jobs\//)
  const { state, verdict } = await ended(client, name)
  assert.deepEqual([stateOf({ state }), verdict], ['SUCCEEDED', 'valid'])
})

test('lets the running work of a worker that drains finish', async () => {
  await upload(client)
  const requests = Array.from({ length: 300 }, () => ({ spec: specOf() }))
  const { results } = await client.jobs.batchCreateJobs({ requests })
  const names = results.map(({ job }) => job?.name ?? '')
  const worker = workers.get('worker-01') as Program
  let running: Job[] = []
  const look = async () => {
    running = await listJobs(client, 'state = "RUNNING" AND worker = "workers/worker-01"')
    return running.length > 0
  }
  await waitFor('worker-01 to be at work', look, 10_000, 5)
  assert.equal(await worker.stop(), 0)
  for (const { name, attempt } of running) {
    const job = await ended(client, name)
    assert.deepEqual(
      [stateOf(job), job.worker, job.attempt],
      ['SUCCEEDED', 'workers/worker-01', attempt],
    )
  }
  for (const name of names) assert.equal(stateOf(await ended(client, name)), 'SUCCEEDED')
  assert.equal(await metric('vorta_mainframe_attempts_lost_total', { code: 'WORKER_LOST' }), 0)
  startWorker('worker-01')
  await waitForWorkers(client, 2)
})

test('answers /healthz, /readyz and /metrics to anybody', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const answer = await fetch(new URL(path, url))
    assert.deepEqual([answer.status, await answer.text()], [200, 'ok\n'])
  }
  assert.equal(await metric('vorta_mainframe_workers', { state: 'READY' }), 2)
  assert.equal(await metric('vorta_mainframe_jobs_created_total'), 301)
  assert.equal(
    await metric('vorta_mainframe_jobs_ended_total', { state: 'SUCCEEDED', verdict: 'valid' }),
    301,
  )
  assert.equal((await fetch(new URL('/nothing', url))).status, 404)
})

/** One file of the log, as C2SP tlog-tiles names them. */
async function logFile(path: string): Promise<Uint8Array> {
  const answer = await fetch(new URL(`/log/${path}`, url))
  assert.equal(answer.status, 200, path)
  return new Uint8Array(await answer.arrayBuffer())
}

test('serves the log as tiles that give the root of the checkpoint', async () => {
  const note = new TextDecoder().decode(await logFile('checkpoint'))
  const [origin, digits, hash] = note.split('\n')
  const size = Number(digits)
  assert.equal(origin, 'vorta.local/log/SIMULATED')
  assert.equal(size, 301)
  // 301 entries: a full tile and a partial one.
  const paths = (kind: string) => [`tile/${kind}/000`, `tile/${kind}/001.p/${size - 256}`]
  const bundles = await Promise.all(paths('entries').map(logFile))
  const entries = bundles.flatMap(entriesIn)
  assert.equal(entries.length, size)
  const leaves = entries.map(leafHash)
  assert.equal(Buffer.from(rootOf(leaves)).toString('base64'), hash)
  const tiles = Buffer.concat(await Promise.all(paths('0').map(logFile)))
  assert.deepEqual(tiles, Buffer.concat(leaves))
  assert.deepEqual(
    Buffer.from(await logFile('tile/1/000.p/1')),
    Buffer.from(rootOf(leaves.slice(0, 256))),
  )
  assert.equal((await fetch(new URL('/log/tile/0/002', url))).status, 404)
  assert.equal(new Set(entries.map(toHex)).size, size, 'no entry is there twice')
})

test('verifies the log twice, the second time against the first', async () => {
  const first = await cli('log', 'verify', '-o', 'json')
  assert.equal(first.code, 0, first.stderr)
  const { key, comparedWith } = JSON.parse(first.stdout)
  assert.deepEqual(comparedWith, [])
  await ended(client, (await client.jobs.createJob({ spec: specOf() })).job?.name ?? '')
  const second = await cli('log', 'verify', '--log-key', key, '-o', 'json')
  assert.equal(second.code, 0, second.stderr)
  assert.deepEqual(JSON.parse(second.stdout).comparedWith, ['the one seen last time'])
  const other = key.replace(/^[^+]+/, 'example.org/other')
  assert.notEqual((await cli('log', 'verify', '--log-key', other)).code, 0)
})

test('refuses a second mainframe on the same data folder with STORE_LOCKED', async () => {
  const args = ['--config', 'config/mainframe.yaml', '--listen', '127.0.0.1:0']
  const second = startProgram('vorta-mainframe', [...args, '--data-folder', dataFolder])
  assert.equal(await second.exited, 1)
  assert.match(second.output(), /^error: the store is led by .*\/\d+$/m)
  assert.match(second.output(), /^hint: stop the other mainframe/m)
  assert.match(second.output(), /^docs: docs\/errors\.md#store_locked$/m)
  assert.equal((await fetch(new URL('/healthz', url))).status, 200, 'the first goes on')
})

test('ends at once on SIGTERM, and comes back with everything it had', async () => {
  const { logKey } = await client.cluster.getServerInfo({})
  const jobs = await listJobs(client)
  const sample = jobs.slice(0, 5).map(({ name }) => name)
  const receipts = await Promise.all(sample.map((name) => receiptOf(client, name)))
  const checkpoint = await checkpointOf(client, logKey)
  const tokens = readdirSync(dataFolder).filter((name) => name.endsWith('.token'))
  const readTokens = () => tokens.map((name) => readFileSync(join(dataFolder, name), 'utf8'))
  const before = readTokens()
  const { name: waiting = '' } =
    (await client.jobs.createJob({ spec: specOf({ workers: ['worker-03'] }) })).job ?? {}
  const watch = jobWhen(client, waiting, isFinal).catch((thrown) => thrown)

  const asked = Date.now()
  assert.equal(await mainframe.stop(), 0, mainframe.output())
  assert.ok(Date.now() - asked < 5000, 'quickly, with a watcher and workers connected')
  assert.ok((await watch) instanceof Error)

  await startMainframe()
  await waitForWorkers(client, 2)
  assert.deepEqual(readTokens(), before)
  assert.equal((await client.cluster.getServerInfo({})).logKey, logKey)
  assert.deepEqual(await checkpointOf(client, logKey), checkpoint)
  const kept = (await listJobs(client)).filter(({ name }) => name !== waiting)
  assert.deepEqual(kept, jobs)
  for (const [index, name] of sample.entries()) {
    const receipt = await receiptOf(client, name)
    assert.deepEqual(receipt, receipts[index], 'a receipt is always the same bytes')
    await factsOf(receipt)
  }
  // The job that waited goes on waiting, and runs when its worker comes.
  startWorker('worker-03')
  const job = await ended(client, waiting)
  assert.deepEqual([stateOf(job), job.worker], ['SUCCEEDED', 'workers/worker-03'])
})

test('keeps its secrets for itself', async () => {
  const secrets = ['admin.token', 'join.token'].map((name) => {
    const path = join(dataFolder, name)
    assert.equal(statSync(path).mode & 0o777, 0o600, name)
    return readFileSync(path, 'utf8').trim()
  })
  const metrics = await (await fetch(new URL('/metrics', url))).text()
  for (const text of [...logs.map(({ output }) => output()), metrics]) {
    assert.ok(text.length > 100)
    for (const secret of secrets) assert.ok(!text.includes(secret))
    assert.doesNotMatch(text, /vorta_(?:admin|join|session)_[\w-]{20}/)
  }
  assert.equal(statSync(dataFolder).mode & 0o077, 0, 'nobody else gets into the folder')
})

const badConfigs: readonly {
  readonly program: string
  readonly what: string
  readonly text: (good: string) => string
  readonly field: RegExp
}[] = [
  {
    program: 'mainframe',
    what: 'an unknown field',
    text: (good) => `${good}\nsurprise: 1\n`,
    field: /surprise/,
  },
  {
    program: 'mainframe',
    what: 'a wrong value',
    text: (good) => good.replace('heartbeat: 1s', 'heartbeat: often'),
    field: /workers\.heartbeat/,
  },
  {
    program: 'worker',
    what: 'an unknown field',
    text: (good) => good.replace('slots: 64', 'slot: 64'),
    field: /slot/,
  },
  {
    program: 'worker',
    what: 'a wrong value',
    text: (good) => good.replace('size: 1Gi', 'size: big'),
    field: /cache\.size/,
  },
]

for (const { program, what, text, field } of badConfigs) {
  test(`ends the ${program} with 2 at a configuration with ${what}`, async () => {
    const good = readFileSync(join(root, `config/${program}.yaml`), 'utf8')
    const file = join(folder, `bad-${program}.yaml`)
    writeFileSync(file, text(good))
    const node = program === 'worker' ? ['--node-id', 'worker-01'] : []
    const { code, stderr } = await run(`./bin/vorta-${program}`, ['--config', file, ...node])
    assert.equal(code, 2, stderr)
    assert.match(stderr, field)
    assert.ok(stderr.includes(file), 'it names the file')
  })
}

test('ends the mainframe with 2 at an address for everybody without TLS', async () => {
  const args = ['--config', 'config/mainframe.yaml', '--listen', '0.0.0.0:0']
  const { code, stderr } = await run('./bin/vorta-mainframe', [...args, '--data-folder', folder])
  assert.equal(code, 2, stderr)
  assert.match(stderr, /^error: listen: 0\.0\.0\.0:0 is reachable from outside/m)
})

// What the API promises about jobs and artifacts, kept by the real thing.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { before, test } from 'node:test'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { ArtifactService, fromConnectError, type JobEvent } from '@vorta/api'
import { concat, utf8 } from '@vorta/core'
import { exampleFiles, falseFiles } from '@vorta/enclave/testkit/example'
import { waitFor } from '../scripts/api-client.ts'
import { type HostileWorker, joinAdmitted } from './kit/hostile-worker.ts'
import {
  createJob,
  digestOf,
  ended,
  isFinal,
  jobWhen,
  listJobs,
  specOf,
  stateOf,
  upload,
} from './kit/jobs.ts'
import { factsOf, receiptOf } from './kit/receipts.ts'
import { bootSystem } from './kit/system.ts'

const system = await bootSystem({ workers: 1 })
const { client, cluster, token } = system
const nowhere = ['no-such-worker']

before(() => upload(client))

const withCode = (code: string) => (thrown: unknown) => {
  assert.equal(fromConnectError(thrown).code, code)
  return true
}

test('pages through 120 jobs, each once, the newest first', async () => {
  const requests = Array.from({ length: 120 }, () => ({ spec: specOf() }))
  const { results } = await client.jobs.batchCreateJobs({ requests })
  const made = new Set(results.map(({ job }) => job?.name))
  assert.equal(made.size, 120)
  await waitFor('all jobs to end', async () => (await listJobs(client)).every(isFinal))

  const filter = 'state = "SUCCEEDED" AND worker = "workers/worker-01" AND verdict = "valid"'
  const sizes: number[] = []
  const names: (string | undefined)[] = []
  const times: number[] = []
  for (let pageToken = ''; ; ) {
    const page = await client.jobs.listJobs({ filter, pageToken, pageSize: 50 })
    sizes.push(page.jobs.length)
    names.push(...page.jobs.map(({ name }) => name))
    times.push(...page.jobs.map(({ createTime }) => (createTime ? timestampMs(createTime) : 0)))
    pageToken = page.nextPageToken
    if (pageToken === '') break
  }
  assert.deepEqual(sizes, [50, 50, 20])
  assert.deepEqual(new Set(names), made)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  )
  assert.equal((await client.jobs.listJobs({ pageSize: 0 })).jobs.length, 50, 'the default')
  assert.deepEqual(await listJobs(client, 'verdict = "invalid"'), [])
})

test('refuses page tokens of other lists, forged ones, and filters it does not know', async () => {
  const { nextPageToken } = await client.jobs.listJobs({ pageSize: 10 })
  const ask = (pageToken: string, filter = '') =>
    client.jobs.listJobs({ pageToken, filter, pageSize: 10 })
  assert.equal((await ask(nextPageToken)).jobs.length, 10)
  const foreign = ask(nextPageToken, 'state = "FAILED"')
  await assert.rejects(foreign, withCode('PAGE_TOKEN_INVALID'))
  await assert.rejects(ask(`${nextPageToken}AAAA`), withCode('PAGE_TOKEN_INVALID'))
  const workers = client.cluster.listWorkers({ pageToken: nextPageToken })
  await assert.rejects(workers, withCode('PAGE_TOKEN_INVALID'))
  await assert.rejects(ask('', 'colour = "red"'), withCode('FILTER_INVALID'))
})

test('makes one job of a request that is repeated, and refuses its id for another', async () => {
  const request = { spec: specOf(), requestId: randomUUID() }
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => client.jobs.createJob(request)),
  )
  const names = new Set(answers.map(({ job }) => job?.name))
  assert.equal(names.size, 1)
  const [name = ''] = names
  await ended(client, name)
  const again = await client.jobs.createJob(request)
  assert.deepEqual([again.job?.name, again.job && stateOf(again.job)], [name, 'SUCCEEDED'])
  const other = { ...request, spec: specOf({ timeoutMs: 77_000 }) }
  await assert.rejects(client.jobs.createJob(other), withCode('REQUEST_ID_REUSED'))
  const named = { spec: specOf(), jobId: 'only-once' }
  const { job } = await client.jobs.createJob(named)
  assert.equal(job?.name, 'jobs/only-once')
  await assert.rejects(client.jobs.createJob(named), withCode('JOB_EXISTS'))
})

test('shows every event once to a watcher that comes back with its resume token', async () => {
  await waitFor('the jobs before to end', async () => (await listJobs(client)).every(isFinal))
  const seen: JobEvent[] = []
  let resumeToken = ''
  const started = Promise.withResolvers<void>()

  /** Watches until there are `count` events more; the connection is then broken off. */
  async function watch(count: number): Promise<void> {
    const enough = seen.length + count
    const signal = AbortSignal.timeout(10_000)
    for await (const answer of client.jobs.watchEvents({ resumeToken }, { signal })) {
      seen.push(...answer.events)
      ;({ resumeToken } = answer)
      started.resolve()
      if (seen.length >= enough) return
    }
  }
  const first = watch(7)
  await started.promise
  const requests = Array.from({ length: 10 }, () => ({ spec: specOf() }))
  const { results } = await client.jobs.batchCreateJobs({ requests })
  await first
  const names = new Set(results.map(({ job }) => job?.name))
  await Promise.all([...names].map((name) => ended(client, name ?? '')))
  const all: JobEvent[] = []
  for (const name of names) {
    all.push(...(await client.jobs.listJobEvents({ name: name ?? '' })).events)
  }
  while (seen.length < all.length) await watch(Math.min(7, all.length - seen.length))

  const sequences = seen.map(({ sequence }) => sequence)
  assert.deepEqual(
    sequences,
    all.map(({ sequence }) => sequence).toSorted((a, b) => Number(a - b)),
  )
  await assert.rejects(
    client.jobs.watchEvents({ resumeToken: '999999999' })[Symbol.asyncIterator]().next(),
    withCode('INVALID_ARGUMENT'),
  )
})

test('places on paper with validate_only and stores nothing', async () => {
  const jobId = 'on-paper'
  const request = { spec: specOf(), jobId, validateOnly: true }
  const { placement } = await client.jobs.createJob(request)
  assert.equal(placement?.worker, 'workers/worker-01')
  const terms = placement?.candidates[0]?.terms ?? []
  const weights = terms.reduce((sum, { weight }) => sum + weight, 0)
  assert.ok(Math.abs(weights - 1) < 1e-9, 'the weights sum to 1')
  await assert.rejects(client.jobs.getJob({ name: `jobs/${jobId}` }), withCode('JOB_NOT_FOUND'))
  const unfit = { ...request, spec: specOf({ epcBytes: 2n ** 38n }) }
  const report = (await client.jobs.createJob(unfit)).placement
  assert.deepEqual([report?.feasible, report?.refused], [0, { INSUFFICIENT_EPC: 1 }])
})

test('cancels a job that waits, and says of an ended one that it has ended', async () => {
  const name = await createJob(client, { workers: nowhere })
  const { job } = await client.jobs.getJob({ name })
  await assert.rejects(client.jobs.cancelJob({ name, etag: '999' }), withCode('STORE_CONFLICT'))
  const cancelled = await client.jobs.cancelJob({ name })
  assert.equal(cancelled.job && stateOf(cancelled.job), 'CANCELLED')
  assert.notEqual(cancelled.job?.etag, job?.etag)
  await assert.rejects(client.jobs.cancelJob({ name }), withCode('JOB_FINISHED'))
  await assert.rejects(client.jobs.stopJob({ name }), withCode('JOB_FINISHED'))
  await assert.rejects(client.receipts.getReceipt({ name }), withCode('JOB_NOT_FINISHED'))
  await assert.rejects(client.jobs.cancelJob({ name: 'jobs/nobody' }), withCode('JOB_NOT_FOUND'))
})

test('stops a job: at once where it waits, after the grace period where it runs', async () => {
  const waiting = await createJob(client, { workers: nowhere })
  const stopped = await client.jobs.stopJob({ name: waiting })
  assert.equal(stopped.job && stateOf(stopped.job), 'CANCELLED')

  const over = Promise.withResolvers<void>()
  const slow: HostileWorker = await joinAdmitted(system, {
    id: 'slow',
    async *execute({ attempts }) {
      yield attempts.map(({ jobUid, number }) => ({
        jobUid,
        number,
        update: { case: 'running' as const, value: {} },
      }))
      await over.promise
    },
  })
  const name = await createJob(client, { workers: ['slow'] })
  await jobWhen(client, name, (job) => stateOf(job) === 'RUNNING')
  const asked = await client.jobs.stopJob({ name, grace: { seconds: 0n, nanos: 300_000_000 } })
  assert.equal(asked.job && stateOf(asked.job), 'RUNNING')
  const job = await ended(client, name)
  assert.deepEqual([stateOf(job), job.errorCode], ['CANCELLED', 'JOB_CANCELLED'])
  await waitFor('the worker to be told', async () => slow.aborted.includes(job.uid))
  over.resolve()
  slow.leave()
})

test('lets a job that fits nowhere expire, and explains what it waited for', async () => {
  const name = await createJob(client, { workers: nowhere, timeoutMs: 1000 })
  const whileWaiting = await client.cluster.getPlacementReport({ job: name })
  assert.equal(whileWaiting.report?.feasible, 0)
  const job = await ended(client, name)
  assert.deepEqual([stateOf(job), job.errorCode], ['EXPIRED', 'JOB_EXPIRED'])
  assert.match(job.errorMessage, /no worker fitted/)
  const { report } = await client.cluster.getPlacementReport({ job: name })
  assert.equal(report?.feasible, 0)
  const candidate = report?.candidates.find(({ worker }) => worker === 'workers/worker-01')
  assert.equal(candidate?.reason, 'WORKER_NOT_REQUESTED')
})

test('gives a receipt for an invalid proof: the job succeeded, the verdict is invalid', async () => {
  await upload(client, falseFiles)
  const name = await createJob(client, { files: falseFiles })
  const job = await ended(client, name)
  assert.deepEqual([stateOf(job), job.verdict, job.tee], ['SUCCEEDED', 'invalid', 'simulated'])
  assert.equal(job.verdictCode, 'PAIRING_MISMATCH')
  const { statement, simulated } = await factsOf(await receiptOf(client, name))
  assert.equal(statement.predicate.proof.verdict, 'invalid')
  assert.equal(statement.predicate.proof.code, 'PAIRING_MISMATCH')
  assert.equal(simulated, true)
})

test('fails a job whose proof cannot be read, with the code of the verifier and a hint', async () => {
  const files = { ...exampleFiles, proof: utf8('{"pi_a":["1","2","3"]}') }
  await upload(client, files)
  const job = await ended(client, await createJob(client, { files }))
  assert.deepEqual([stateOf(job), job.errorCode], ['FAILED', 'MALFORMED_PROOF'])
  assert.notEqual(job.errorHint, '')
  assert.equal(job.attempt, 1, 'another attempt would change nothing')
})

/** Files of the mainframe that have this digest in their name. */
const filesOf = (digest: string): string[] =>
  readdirSync(cluster.folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes(digest.slice('sha256:'.length)),
  )

test('stores nothing of bytes that do not have their digest', async () => {
  for (const size of [1000, 1_000_000]) {
    const data = new Uint8Array(randomBytes(size))
    const digest = digestOf(utf8(randomUUID()))
    await assert.rejects(
      client.artifacts.createArtifact({ digest, data }),
      withCode('DIGEST_MISMATCH'),
    )
    await assert.rejects(sendStream(digest, data, 0), withCode('DIGEST_MISMATCH'))
    const { artifacts } = await client.artifacts.statArtifacts({ digests: [digest] })
    assert.deepEqual([artifacts[0]?.present, artifacts[0]?.sizeBytes], [false, 0n])
    assert.deepEqual(filesOf(digest), [])
  }
})

test('refuses a job whose artifacts are not there', async () => {
  const files = { ...exampleFiles, proof: utf8('never uploaded') }
  await assert.rejects(createJob(client, { files }), withCode('ARTIFACT_NOT_FOUND'))
})

const chunkBytes = 256 * 1024

/** Uploads from an offset on; `until` is where the connection breaks off. */
async function sendStream(
  digest: string,
  data: Uint8Array,
  offset: number,
  until = data.length,
): Promise<unknown> {
  const sessionManager = new Http2SessionManager(cluster.url)
  const artifacts = createClient(
    ArtifactService,
    createConnectTransport({
      baseUrl: cluster.url,
      httpVersion: '2',
      sessionManager,
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', `Bearer ${token}`)
          return next(request)
        },
      ],
    }),
  )
  async function* parts() {
    const header = { digest, sizeBytes: BigInt(data.length), offset: BigInt(offset) }
    yield { part: { case: 'header' as const, value: header } }
    for (let at = offset; at < until; at += chunkBytes) {
      const value = data.subarray(at, Math.min(at + chunkBytes, until))
      yield { part: { case: 'chunk' as const, value } }
    }
    if (until === data.length) return
    // What was sent is on its way; then the line goes dead.
    await waitFor('the server to have some of it', async () => (await storedOf(digest)) > 0)
    sessionManager.abort()
  }
  try {
    return await artifacts.uploadArtifact(parts())
  } finally {
    sessionManager.abort()
  }
}

async function storedOf(digest: string): Promise<number> {
  const { artifacts } = await client.artifacts.statArtifacts({ digests: [digest] })
  return Number(artifacts[0]?.sizeBytes)
}

test('goes on with an upload where it broke off', async () => {
  const data = new Uint8Array(randomBytes(3_000_001))
  const digest = digestOf(data)
  await assert.rejects(sendStream(digest, data, 0, 1_000_000))
  const offset = await settled(() => storedOf(digest))
  assert.ok(offset > 0 && offset <= 1_000_000)
  await assert.rejects(sendStream(digest, data, 0), withCode('OFFSET_MISMATCH'))
  await sendStream(digest, data, offset)
  const { artifacts } = await client.artifacts.statArtifacts({ digests: [digest] })
  assert.deepEqual([artifacts[0]?.present, artifacts[0]?.sizeBytes], [true, 3_000_001n])
  const parts: Uint8Array[] = []
  for await (const chunk of client.artifacts.downloadArtifacts({ digests: [digest] }))
    parts.push(chunk.data)
  assert.equal(digestOf(concat(...parts)), digest)
})

/** The value once it is the same twice. */
async function settled(look: () => Promise<number>): Promise<number> {
  let last = await look()
  await waitFor('the value to settle', async () => {
    const before = last
    last = await look()
    return last === before
  })
  return last
}

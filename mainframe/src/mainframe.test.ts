// A whole mainframe on a port: what it says when it is empty, what it shows, how
// it stops and comes back. Workers are played by the test over the real wire.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { type AttemptUpdate, type ExecuteRequest, Job_State } from '@vorta/api'
import { systemClock } from '@vorta/core'
import type { LogIdentity } from './cluster/session.ts'
import { updateOf } from './testkit/connection.ts'
import { makeEnclave, type TestEnclave } from './testkit/enclave.ts'
import { codeOf, openMainframe, type TestMainframe } from './testkit/mainframe.ts'
import { testSpec, until } from './testkit/parts.ts'
import { honestWorker, joinMainframe, reportFeed, type WorkerImpl } from './testkit/worker.ts'

const text = async (answer: Promise<Response>) => {
  const response = await answer
  return [response.status, await response.text()] as const
}

async function drain<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of stream) all.push(item)
  return all
}

suite('a fresh mainframe', () => {
  let mainframe: TestMainframe
  before(async () => {
    mainframe = await openMainframe()
  })
  after(() => mainframe.remove())

  test('is healthy and ready, and shows its metrics', async () => {
    const { url } = mainframe
    assert.deepEqual(await text(fetch(`${url}/healthz`)), [200, 'ok\n'])
    assert.deepEqual(await text(fetch(`${url}/readyz`)), [200, 'ok\n'])
    const [status, body] = await text(fetch(`${url}/metrics`))
    assert.equal(status, 200)
    assert.match(body, /^vorta_mainframe_log_size 0$/m)
    assert.match(body, /^vorta_mainframe_workers\{state="READY"\} 0$/m)
    assert.deepEqual(await text(fetch(`${url}/readyz`, { method: 'POST' })), [404, 'not found\n'])
    assert.equal((await fetch(`${url}/healthz`, { method: 'HEAD' })).status, 200)
    assert.deepEqual(await text(fetch(`${url}/none?x=/healthz`)), [404, 'not found\n'])
  })

  test('says that its log is empty, wherever it is asked', async () => {
    const { admin, url } = mainframe
    const message = 'the log has no entries yet, and so no checkpoint'
    assert.deepEqual(await text(fetch(`${url}/log/checkpoint`)), [404, `LOG_RANGE: ${message}\n`])
    await assert.rejects(admin.log.getCheckpoint({}), { rawMessage: message })
    const noProofs = { rawMessage: 'the log has no entries yet, and so no proofs' }
    await assert.rejects(admin.log.getInclusionProof({ index: 0n }), noProofs)
    await assert.rejects(admin.log.getInclusionProof({ index: 0n, size: 5n }), noProofs)
    await assert.rejects(admin.log.getConsistencyProof({ oldSize: 1n }), noProofs)
    assert.equal(await codeOf(admin.log.getCheckpoint({})), 'LOG_RANGE')
    assert.equal((await text(fetch(`${url}/log/tile/0/000`)))[0], 404)
    assert.equal((await text(fetch(`${url}/log/tile/../../admin.token`)))[0], 404)
  })

  test('knows nothing that does not exist, each by its code', async () => {
    const { jobs, cluster, receipts } = mainframe.admin
    const name = 'jobs/none'
    assert.equal(await codeOf(jobs.getJob({ name })), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(jobs.cancelJob({ name })), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(jobs.stopJob({ name })), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(jobs.listJobEvents({ name })), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(drain(jobs.watchJob({ name }))), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(drain(jobs.watchEvents({ job: name }))), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(cluster.getPlacementReport({ job: name })), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(cluster.getWorker({ name: 'workers/w1' })), 'WORKER_NOT_FOUND')
    assert.equal(await codeOf(receipts.getReceipt({ name })), 'JOB_NOT_FOUND')
    assert.equal(await codeOf(receipts.getReceipt({ name: 'receipts/0' })), 'RECEIPT_NOT_FOUND')
    assert.equal(await codeOf(receipts.getReceipt({ name: 'receipts/01' })), 'INVALID_ARGUMENT')
  })

  test('refuses what is out of range, each by its code', async () => {
    const { jobs } = mainframe.admin
    const grace = { seconds: 3601n, nanos: 0 }
    assert.equal(await codeOf(jobs.stopJob({ name: 'jobs/a', grace })), 'INVALID_ARGUMENT')
    assert.equal(await codeOf(jobs.listJobs({ pageSize: -1 })), 'INVALID_ARGUMENT')
    assert.equal(await codeOf(jobs.listJobs({ filter: 'x' })), 'FILTER_INVALID')
    assert.equal(await codeOf(jobs.listJobs({ pageToken: 'x' })), 'PAGE_TOKEN_INVALID')
    for (const resumeToken of ['x', '-1', '1e3', '99999999']) {
      assert.equal(await codeOf(drain(jobs.watchEvents({ resumeToken }))), 'INVALID_ARGUMENT')
    }
    const requests = Array.from({ length: 1001 }, () => ({}))
    assert.equal(await codeOf(jobs.batchCreateJobs({ requests })), 'INVALID_ARGUMENT')
    const huge = new Uint8Array(5 << 20)
    const { artifacts } = mainframe.admin
    assert.equal(await codeOf(artifacts.createArtifact({ data: huge })), 'TOO_LARGE')
  })

  test('pages through its jobs without missing or repeating one', async () => {
    await mainframe.uploadTestFiles()
    const { jobs } = mainframe.admin
    const spec = testSpec({ placement: { workers: ['w9'] } })
    const requests = Array.from({ length: 7 }, (_, index) => ({ jobId: `page-${index}`, spec }))
    const { results } = await jobs.batchCreateJobs({ requests: [...requests, { jobId: 'Bad' }] })
    assert.equal(results.at(-1)?.errorCode, 'INVALID_JOB_SPEC')
    const seen: string[] = []
    const filter = 'state = "QUEUED"'
    for (let pageToken = ''; ; ) {
      const page = await jobs.listJobs({ pageSize: 3, pageToken, filter })
      seen.push(...page.jobs.map(({ name }) => name))
      pageToken = page.nextPageToken
      if (pageToken === '') break
      assert.equal(await codeOf(jobs.listJobs({ pageToken })), 'PAGE_TOKEN_INVALID')
    }
    const names = requests.map(({ jobId }) => `jobs/${jobId}`)
    assert.deepEqual(seen.toSorted(), names)
    for (const name of names) await jobs.cancelJob({ name })
    assert.deepEqual((await jobs.listJobs({ filter })).jobs, [])
  })
})

suite('a mainframe that stops', () => {
  type Batch = Pick<ExecuteRequest, 'attempts'> & {
    readonly log: LogIdentity
    readonly hungUp: Promise<unknown>
  }
  type Answers = AsyncIterable<{ updates: AttemptUpdate[] }>

  /** A worker whose batches the test runs. */
  const worker = (run: (batch: Batch, enclave: TestEnclave) => Answers) => {
    const feed = reportFeed()
    const enclave = makeEnclave(systemClock)
    const { impl } = honestWorker(enclave, () => feed.read())
    feed.push()
    const execute: WorkerImpl['execute'] = ({ attempts, log }, { signal }) => {
      assert.ok(log)
      const { origin, key } = log
      const hungUp = new Promise((resolve) => signal.addEventListener('abort', resolve))
      return run({ attempts, log: { origin, key }, hungUp }, enclave)
    }
    return { impl: { ...impl, execute }, enclave, feed }
  }
  const stateOf = async ({ admin }: TestMainframe, name: string) =>
    (await admin.jobs.getJob({ name })).job

  test('ends watchers, refuses calls, and is quick about it', async () => {
    const mainframe = await openMainframe()
    await mainframe.uploadTestFiles()
    const { jobs } = mainframe.admin
    await jobs.createJob({ jobId: 'one', spec: testSpec() })
    const watchers = [jobs.watchJob({ name: 'jobs/one' }), jobs.watchEvents({})].map((stream) => {
      const iterator = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      return { first: iterator.next(), rest: async () => void (await iterator.next()) }
    })
    for (const { first } of watchers) assert.equal((await first).done, false)
    const ends = watchers.map(({ rest }) => codeOf(rest()))
    const start = performance.now()
    await mainframe.stop()
    assert.ok(performance.now() - start < 2000, 'nothing had to be cut off')
    assert.deepEqual(await Promise.all(ends), ['UNAVAILABLE', 'UNAVAILABLE'])
    assert.equal(await codeOf(jobs.getJob({ name: 'jobs/one' })), 'UNAVAILABLE')
    assert.deepEqual(mainframe.faults, [])
    rmSync(mainframe.folder, { recursive: true })
  })

  test('loses nothing and charges nobody, wherever in a result it is stopped', async (t) => {
    let mainframe = await openMainframe()
    t.after(() => mainframe.remove())
    await mainframe.uploadTestFiles()
    const { folder } = mainframe
    let receipts = 0
    for (let turns = 0; turns < 8; turns++) {
      const id = `stop-${turns}`
      const sent = Promise.withResolvers<void>()
      const { impl, enclave, feed } = worker(async function* ({ attempts, log, hungUp }, enclave) {
        for (const attempt of attempts) {
          const value = await enclave.result(attempt, log)
          setImmediate(sent.resolve)
          yield { updates: [updateOf(attempt, { case: 'result', value })] }
        }
        await hungUp
      })
      await joinMainframe(mainframe.url, mainframe.token('join'), impl, enclave)
      await mainframe.admin.jobs.createJob({ jobId: id, spec: testSpec() })
      await sent.promise
      for (let turn = 0; turn < turns * 3; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
      }
      await mainframe.stop()
      feed.end()
      assert.deepEqual(mainframe.faults, [])
      mainframe = await openMainframe(folder)
      const job = await stateOf(mainframe, `jobs/${id}`)
      if (job?.state === Job_State.SUCCEEDED) {
        assert.equal(job.receiptIndex, BigInt(receipts++))
        assert.ok((await mainframe.admin.receipts.getReceipt({ name: job.name })).receipt.length)
      } else {
        assert.equal(job?.state, Job_State.QUEUED)
        const { events } = await mainframe.admin.jobs.listJobEvents({ name: job.name })
        const restarts = events.filter(({ type }) => type === 'Requeued')
        assert.deepEqual(
          restarts.map(({ message }) => message),
          ['WORKER_LOST: the mainframe restarted'],
        )
        await mainframe.admin.jobs.cancelJob({ name: job.name })
      }
    }
  })

  test('does not hold a lost attempt against a job that has only one', async () => {
    const mainframe = await openMainframe()
    await mainframe.uploadTestFiles()
    const running = Promise.withResolvers<void>()
    const { impl, enclave } = worker(async function* ({ attempts: [attempt], hungUp }) {
      assert.ok(attempt)
      yield { updates: [updateOf(attempt, { case: 'running', value: {} })] }
      running.resolve()
      await hungUp
    })
    await joinMainframe(mainframe.url, mainframe.token('join'), impl, enclave)
    const spec = testSpec({ retry: { maxAttempts: 1 } })
    await mainframe.admin.jobs.createJob({ jobId: 'one', spec })
    await running.promise
    await mainframe.stop()
    const again = await openMainframe(mainframe.folder)
    assert.equal((await stateOf(again, 'jobs/one'))?.state, Job_State.QUEUED)
    await again.remove()
  })

  test('forgets its watchers when they leave', async () => {
    const mainframe = await openMainframe()
    await mainframe.uploadTestFiles()
    await mainframe.admin.jobs.createJob({ jobId: 'one', spec: testSpec() })
    const aborts = new AbortController()
    const watch = mainframe.admin.jobs.watchJob({ name: 'jobs/one' }, { signal: aborts.signal })
    const iterator = watch[Symbol.asyncIterator]()
    await iterator.next()
    aborts.abort()
    await assert.rejects(iterator.next())
    const ended = async () =>
      /rpc_seconds_count\{method="WatchJob"/.test(
        (await text(fetch(`${mainframe.url}/metrics`)))[1],
      )
    await until('the call has ended', ended)
    await mainframe.remove()
  })
})

// kill -9 of mainframe, workers and enclaves while 200 jobs come in and run. What
// was acknowledged must end, once, with a receipt; the log must only grow.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { timestampMs, timestampNow } from '@bufbuild/protobuf/wkt'
import type { Checkpoint } from '@vorta/receipt'
import { waitFor, waitForWorkers } from '../scripts/api-client.ts'
import { isFinal, listJobs, specOf, stateOf, upload } from './kit/jobs.ts'
import { childrenOf, isAlive } from './kit/processes.ts'
import { seededChoices } from './kit/random.ts'
import { checkpointOf, factsOf, receiptOf, requireGrown } from './kit/receipts.ts'
import { bootSystem } from './kit/system.ts'

const kills = { mainframe: 3, worker: 3, enclave: 2 }
const rounds = Object.entries(kills).flatMap(([victim, times]) => Array<string>(times).fill(victim))
const jobsPerRound = 25
const jobsInAll = 1 + rounds.length * jobsPerRound

// A new mainframe waits for the lease of the killed one; workers come back after it.
const recoveryMs = 30_000
// Whatever ends a call early: the request is repeated under its own id.
const callTimeoutMs = 5_000

const choices = seededChoices()
const { cluster, client } = await bootSystem()
const { logKey } = await client.cluster.getServerInfo({})
const checkpoints: Checkpoint[] = []
const acknowledged: string[] = []
const killedEnclaves: number[] = []
const killTimes: number[] = []
let repeated = 0
let storedUnanswered = 0

/** Submits until there is an answer. Everything but an answer may mean stored or not stored. */
async function submit(): Promise<void> {
  const request = { spec: specOf(), requestId: randomUUID() }
  const asked = Date.now()
  for (const deadline = Date.now() + recoveryMs; ; ) {
    try {
      const { job } = await client.jobs.createJob(request, { timeoutMs: callTimeoutMs })
      acknowledged.push(job?.name ?? '')
      const stored = timestampMs(job?.createTime ?? timestampNow())
      if (killTimes.some((time) => stored < time && time < Date.now() && asked < time))
        storedUnanswered++
      return
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown
      repeated++
      await pause(100)
    }
  }
}

/** Submits jobs one by one, spread over a time. */
function submitAll(count: number, spreadMs: number): Promise<unknown> {
  const moments = Array.from({ length: count }, () => choices.between(0, spreadMs))
  const all = Promise.all(moments.map((moment) => pause(moment).then(submit)))
  all.catch(() => {}) // awaited later, after the kill
  return all
}

async function kill(victim: string): Promise<void> {
  if (victim === 'mainframe') {
    killTimes.push(Date.now())
    cluster.mainframe.process.kill('SIGKILL')
    await cluster.mainframe.exited
    await cluster.startMainframe()
    return
  }
  const worker = choices.pick(cluster.workers)
  const enclaves = childrenOf(worker.process.pid as number)
  killedEnclaves.push(...enclaves)
  if (victim === 'enclave') {
    for (const pid of enclaves) process.kill(pid, 'SIGKILL')
    return
  }
  worker.process.kill('SIGKILL')
  await worker.exited
  cluster.startWorker(worker.name)
}

before(async () => {
  await upload(client)
  await submit()
  await waitFor('the first receipt', async () => (await listJobs(client)).every(isFinal))
})

test('every acknowledged job ends once and with a receipt, whatever is killed', async (context) => {
  context.diagnostic(`VORTA_SEED=${choices.seed}`)
  for (const victim of choices.shuffle(rounds)) {
    await waitForWorkers(client, 3)
    checkpoints.push(await checkpointOf(client, logKey))
    // The jobs of the first calls are at work, the other calls are on their way.
    const first = submitAll(10, 0)
    await pause(choices.between(0, 200))
    const second = submitAll(jobsPerRound - 10, 30)
    await pause(choices.between(5, 25))
    await kill(victim)
    await Promise.all([first, second])
    const waiting = (await listJobs(client)).filter((job) => !isFinal(job)).length
    context.diagnostic(`killed ${victim}; then ${waiting} jobs had not ended`)
  }
  await waitFor(
    'all jobs to end',
    async () => (await listJobs(client)).every(isFinal),
    2 * recoveryMs,
    200,
  )
  const jobs = await listJobs(client)
  const again = jobs.filter(({ attempt }) => attempt > 1).length
  context.diagnostic(
    `${repeated} calls repeated, ${storedUnanswered} of them stored before; ` +
      `${again} jobs took more than one attempt`,
  )
  assert.equal(jobs.length, jobsInAll, 'a repeated CreateJob makes no second job')
  assert.equal(new Set(acknowledged).size, jobsInAll)
  assert.deepEqual(new Set(jobs.map(({ name }) => name)), new Set(acknowledged))
  for (const job of jobs)
    assert.equal(stateOf(job), 'SUCCEEDED', `${job.name}: ${job.errorCode} ${job.errorMessage}`)
})

test('the log has exactly one entry for each job, each with a receipt that verifies', async () => {
  const jobs = await listJobs(client)
  const { size } = await checkpointOf(client, logKey)
  assert.equal(size, jobs.length)
  const logged = new Set<string>()
  for (let index = 0; index < size; index++) {
    const { statement, log } = await factsOf(await receiptOf(client, `receipts/${index}`))
    assert.equal(log.index, index)
    assert.equal(log.key, logKey)
    logged.add(statement.predicate.job.uid)
  }
  assert.deepEqual(logged, new Set(jobs.map(({ uid }) => uid)))
})

test('the log only grew, from before each kill to the end', async () => {
  const newest = await checkpointOf(client, logKey)
  assert.equal(checkpoints.length, rounds.length)
  for (const before of checkpoints) await requireGrown(client, before, newest)
})

test('no enclave outlives its worker', async () => {
  assert.ok(killedEnclaves.length > 0)
  await waitFor('killed enclaves to be gone', async () => !killedEnclaves.some(isAlive))
})

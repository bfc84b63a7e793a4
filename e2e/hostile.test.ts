// Those who do not belong here, and those who do and lie. Each is turned away
// with a code of its own, and costs nobody a job or a second log entry.

import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { type Attempt, type Job, type LogIdentity, Worker_State } from '@vorta/api'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { toHex, utf8, type VortaError } from '@vorta/core'
import { createEnclaveKey } from '@vorta/enclave/key'
import type { ReceiptPredicate } from '@vorta/receipt'
import { dial } from '@vorta/worker/dial'
import { waitFor } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { copyCheckout } from './kit/checkout.ts'
import type { HostileEnclave, Lie, Quoted } from './kit/hostile-enclave.ts'
import { type HostileWorker, joinAdmitted, joinHostile, type Update } from './kit/hostile-worker.ts'
import { createJob, ended, jobWhen, specOf, stateOf, upload } from './kit/jobs.ts'
import { checkpointOf, factsOf, receiptOf } from './kit/receipts.ts'
import { bootSystem, temporaryFolder } from './kit/system.ts'

const system = await bootSystem({ workers: 2 })
const { client, cluster, metric } = system
const { logKey } = await client.cluster.getServerInfo({})

before(async () => {
  await upload(client)
  await ended(client, await createJob(client))
})

const joinsRefused = (code: string) => metric('vorta_mainframe_joins_refused_total', { code })
const evidenceRefused = (code: string, { metric } = system) =>
  metric('vorta_mainframe_evidence_appraised_total', { outcome: 'refused', code })
/** Connections refused for what their certificate proves, before there was any evidence. */
const channelsRefused = (code: string, { metric } = system) =>
  metric('vorta_ratls_refused_total', { code })
const resultsRefused = (code: string) => metric('vorta_mainframe_results_refused_total', { code })

/** Whether any worker would get a job that asks for this one. */
async function fits(worker: string, { client } = system): Promise<boolean> {
  const request = { spec: specOf({ workers: [worker] }), validateOnly: true }
  return ((await client.jobs.createJob(request)).placement?.feasible ?? 0) > 0
}

/** Code of the last verdict on a worker's enclave. */
async function appraisalCode(id: string, { client } = system): Promise<string | undefined> {
  const { workers } = await client.cluster.listWorkers({})
  return workers.find(({ name }) => name === `workers/${id}`)?.attestation?.errorCode
}

for (const [who, joinToken] of [
  ['without a token', ''],
  ['with a token of its own', `vorta_join_${'A'.repeat(43)}`],
  ["with the administrator's token", system.token],
] as const) {
  test(`turns a stranger away who comes ${who}`, async () => {
    const refused = await joinsRefused('UNAUTHENTICATED')
    const signal = AbortSignal.timeout(5_000)
    const stranger = {
      endpoint: cluster.url,
      ca: undefined,
      workerId: 'stranger',
      joinToken,
      signal,
    }
    await assert.rejects(dial(stranger), (error: VortaError) => {
      assert.equal(error.code, 'UNAUTHENTICATED')
      assert.equal(error.meta.status, 401)
      return true
    })
    assert.equal(await joinsRefused('UNAUTHENTICATED'), refused + 1)
    assert.equal(await appraisalCode('stranger'), undefined, 'it left no trace in the cluster')
  })
}

test('refuses an enclave whose sources differ by one comment', async () => {
  const checkout = join(system.folder, 'checkout')
  copyCheckout(checkout)
  const measurementOf = (folder: string) =>
    toHex(measureProgram(join(folder, 'enclave/src/main.ts')).measurement)
  assert.equal(measurementOf(checkout), measurementOf(root), 'a copy is the same enclave')
  appendFileSync(join(checkout, 'enclave/src/enclave.ts'), '// as good as the original\n')
  assert.notEqual(measurementOf(checkout), measurementOf(root))

  cluster.startWorker('changed', checkout)
  await waitFor(
    'the changed enclave to be refused',
    async () => (await appraisalCode('changed')) === 'MEASUREMENT_NOT_ALLOWED',
  )
  assert.ok((await channelsRefused('MEASUREMENT_NOT_ALLOWED')) >= 1)
  assert.equal(await fits('changed'), false)
  assert.match(
    readFileSync(join(system.folder, 'changed.log'), 'utf8'),
    /"code":"MEASUREMENT_NOT_ALLOWED".*not admitted to the cluster/,
  )
})

test('refuses simulated enclaves where the policy names none', async () => {
  const { path, remove } = temporaryFolder()
  const policy = join(path, 'policy.yaml')
  const config = join(path, 'mainframe.yaml')
  const read = (name: string) => readFileSync(join(root, 'config', name), 'utf8')
  writeFileSync(policy, read('policy.yaml').replace('simulated: true', 'simulated: false'))
  writeFileSync(config, read('mainframe.yaml').replace('config/policy.yaml', policy))
  const strict = await bootSystem({ workers: 0, mainframeConfig: config })
  strict.cluster.startWorker('worker-01')
  await waitFor(
    'the simulated enclave to be refused',
    async () => (await appraisalCode('worker-01', strict)) === 'SIMULATED_NOT_ALLOWED',
  )
  assert.ok((await channelsRefused('SIMULATED_NOT_ALLOWED', strict)) >= 1)
  assert.equal(await fits('worker-01', strict), false)
  remove()
})

const recorded = Promise.withResolvers<Quoted>()

const falseEvidence: readonly {
  readonly what: string
  readonly code: string
  readonly attest: (nonce: Uint8Array, enclave: HostileEnclave) => Promise<Quoted>
}[] = [
  {
    what: 'a replayed quote',
    code: 'NONCE_MISMATCH',
    attest: () => recorded.promise,
  },
  {
    what: 'an old quote with new claims',
    code: 'REPORT_DATA_MISMATCH',
    attest: async (nonce, enclave) => ({
      claims: (await enclave.quote(nonce)).claims,
      quote: (await recorded.promise).quote,
    }),
  },
]

for (const [index, { what, code, attest }] of falseEvidence.entries()) {
  test(`refuses ${what} with ${code}`, async () => {
    // Genuine, and accepted when it was made.
    const honest = await joinHostile(system, {
      id: `honest-${index}`,
      attest: async (nonce, enclave) => {
        const quoted = await enclave.quote(nonce)
        recorded.resolve(quoted)
        return quoted
      },
    })
    assert.equal((await honest.admission).accepted, true)
    honest.leave()

    const refused = await evidenceRefused(code)
    const worker = await joinHostile(system, { id: `replay-${index}`, attest })
    const admission = await worker.admission
    assert.deepEqual([admission.accepted, admission.code], [false, code])
    assert.equal(admission.sessionToken, '')
    worker.leave()
    assert.equal(await evidenceRefused(code), refused + 1)
    assert.equal(await fits(`replay-${index}`), false)
  })
}

/** A result as an update on the wire. */
const resultUpdate = (
  { jobUid, number }: Attempt,
  value: { envelope: Uint8Array; trace: Uint8Array },
): Update => ({ jobUid, number, update: { case: 'result', value } })

const failureUpdate = ({ jobUid, number }: Attempt): Update => ({
  jobUid,
  number,
  update: { case: 'failure', value: { code: 'ENCLAVE_LOST', message: 'no', retryable: true } },
})

const about =
  (change: (honest: ReceiptPredicate) => Partial<ReceiptPredicate>) =>
  (honest: ReceiptPredicate): ReceiptPredicate => ({ ...honest, ...change(honest) })

const stranger = createEnclaveKey()

const lies: readonly { readonly what: string; readonly code: string; readonly lie: Lie }[] = [
  {
    what: 'with the token of another attempt',
    code: 'RESULT_MISMATCH',
    lie: {
      predicate: about(({ attempt }) => ({ attempt: { ...attempt, token: '00'.repeat(16) } })),
    },
  },
  {
    what: 'of another job',
    code: 'RESULT_MISMATCH',
    lie: { predicate: about(({ job }) => ({ job: { ...job, uid: `${job.uid}x` } })) },
  },
  {
    what: 'of another spec',
    code: 'RESULT_MISMATCH',
    lie: { predicate: about(() => ({ spec: '0'.repeat(64) })) },
  },
  {
    what: 'for another log',
    code: 'RESULT_MISMATCH',
    lie: { predicate: about(({ log }) => ({ log: { ...log, origin: 'example.org/log' } })) },
  },
  {
    what: 'about another proof',
    code: 'RESULT_MISMATCH',
    lie: { predicate: about(({ proof }) => ({ proof: { ...proof, proof: '0'.repeat(64) } })) },
  },
  {
    what: 'of a better kind of enclave',
    code: 'RESULT_MISMATCH',
    lie: { predicate: about(() => ({ enclave: { kind: 'sgx' } })) },
  },
  {
    what: 'whose subject is another verdict',
    code: 'SUBJECT_MISMATCH',
    lie: {
      statement: (honest) => ({
        ...honest,
        subject: [{ name: 'verdict.json', digest: { sha256: '0'.repeat(64) } }],
      }),
    },
  },
  {
    what: 'with another trace than it signed',
    code: 'RESULT_MISMATCH',
    lie: { trace: utf8('{}') },
  },
  { what: 'signed by a key nobody attested', code: 'KEYID_MISMATCH', lie: { signer: stranger } },
]

/** A job that the hostile worker gets first and the honest one can finish. */
async function betray(
  id: string,
  misbehave: (
    attempt: Attempt,
    log: LogIdentity,
    enclave: HostileEnclave,
  ) => AsyncGenerator<readonly Update[]>,
): Promise<{ readonly job: Job; readonly worker: HostileWorker; readonly entries: number }> {
  const { size: before } = await checkpointOf(client, logKey)
  const worker: HostileWorker = await joinAdmitted(system, {
    id,
    async *execute({ attempts: [attempt], log }, enclave) {
      if (attempt && log) yield* misbehave(attempt, log, enclave)
      worker.drain(true)
    },
  })
  const job = await ended(client, await createJob(client, { workers: [id, 'worker-01'] }))
  const { size: after } = await checkpointOf(client, logKey)
  return { job, worker, entries: after - before }
}

/** It ended on the honest worker, after the hostile one had it. */
async function assertRescued(job: Job, hostile: string): Promise<void> {
  assert.equal(stateOf(job), 'SUCCEEDED')
  assert.equal(job.worker, 'workers/worker-01')
  const { events } = await client.jobs.listJobEvents({ name: job.name })
  assert.ok(
    events.some(({ type, message }) => type === 'Placed' && message.includes(hostile)),
    'the hostile worker had it first',
  )
  const { statement } = await factsOf(await receiptOf(client, job.name))
  assert.equal(statement.predicate.job.uid, job.uid)
  assert.equal(statement.predicate.attempt.number, job.attempt)
}

for (const [index, { what, code, lie }] of lies.entries()) {
  test(`refuses a result ${what} with ${code}, and has the job done elsewhere`, async () => {
    const refused = await resultsRefused(code)
    const id = `liar-${index}`
    const { job, worker, entries } = await betray(id, async function* (attempt, log, enclave) {
      yield [resultUpdate(attempt, await enclave.result(attempt, log, lie))]
    })
    worker.leave()
    await assertRescued(job, id)
    assert.equal(entries, 1)
    assert.ok((await resultsRefused(code)) > refused)
  })
}

test('refuses a forged signature under the attested key with ENVELOPE_SIGNATURE', async () => {
  const refused = await resultsRefused('ENVELOPE_SIGNATURE')
  const { job, worker, entries } = await betray('forger', async function* (attempt, log, enclave) {
    const forged = { spki: enclave.signer.spki, sign: stranger.sign }
    yield [resultUpdate(attempt, await enclave.result(attempt, log, { signer: forged }))]
  })
  worker.leave()
  await assertRescued(job, 'forger')
  assert.equal(entries, 1)
  assert.ok((await resultsRefused('ENVELOPE_SIGNATURE')) > refused)
})

test('refuses the result of an attempt that was given up before with ATTEMPT_FENCED', async () => {
  const refused = await resultsRefused('ATTEMPT_FENCED')
  const { job, worker, entries } = await betray('late', async function* (attempt, log, enclave) {
    if (attempt.number > 1) return
    yield [failureUpdate(attempt)]
    await jobWhen(client, attempt.job, ({ attempt: current }) => current > 1)
    yield [resultUpdate(attempt, await enclave.result(attempt, log))]
  })
  await waitFor('the late result to be refused', async () => {
    return (await resultsRefused('ATTEMPT_FENCED')) > refused
  })
  worker.leave()
  await assertRescued(job, 'late')
  assert.equal(entries, 1)
})

test('refuses the statement of an earlier attempt under the number of the present one', async () => {
  const refused = await resultsRefused('RESULT_MISMATCH')
  let first: Attempt | undefined
  const { job, worker, entries } = await betray('again', async function* (attempt, log, enclave) {
    if (!first) {
      first = attempt
      yield [failureUpdate(attempt)]
      await jobWhen(client, attempt.job, ({ attempt: current }) => current > 1)
    } else yield [resultUpdate(attempt, await enclave.result(first, log))]
  })
  worker.leave()
  await assertRescued(job, 'again')
  assert.equal(entries, 1)
  assert.ok((await resultsRefused('RESULT_MISMATCH')) > refused)
})

test('records a result that comes three times once', async () => {
  const refused = await resultsRefused('ATTEMPT_FENCED')
  const { job, worker, entries } = await betray('twice', async function* (attempt, log, enclave) {
    const update = resultUpdate(attempt, await enclave.result(attempt, log))
    yield [update, update]
    await ended(client, attempt.job)
    yield [update]
  })
  await waitFor('the doubles to be refused', async () => {
    return (await resultsRefused('ATTEMPT_FENCED')) === refused + 2
  })
  worker.leave()
  assert.equal(stateOf(job), 'SUCCEEDED')
  assert.equal(job.worker, 'workers/twice')
  assert.equal(entries, 1)
  assert.equal((await checkpointOf(client, logKey)).size, Number(job.receiptIndex) + 1)
})

test('finishes the jobs of a worker that hangs on another', async () => {
  const hung = cluster.workers.find(({ name }) => name === 'worker-02')
  assert.ok(hung)
  hung.process.kill('SIGSTOP')
  try {
    // More than one worker has slots for, so that both get some.
    const spec = specOf({ workers: ['worker-01', 'worker-02'] })
    const requests = Array.from({ length: 100 }, () => ({ spec }))
    const { results } = await client.jobs.batchCreateJobs({ requests })
    const jobs = await Promise.all(results.map(({ job }) => ended(client, job?.name ?? '')))
    for (const job of jobs) {
      assert.equal(stateOf(job), 'SUCCEEDED')
      assert.equal(job.worker, 'workers/worker-01')
    }
    assert.ok(
      jobs.some(({ attempt }) => attempt > 1),
      'some were on the worker that hangs',
    )
    const { worker } = await client.cluster.getWorker({ name: 'workers/worker-02' })
    assert.equal(worker?.state, Worker_State.LOST)
  } finally {
    hung.process.kill('SIGCONT')
  }
  await waitFor('the worker to come back', async () => fits('worker-02'))
})

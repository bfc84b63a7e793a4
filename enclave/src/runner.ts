// Verifies what is waiting, some attempts at a time, and signs a statement
// about each. One queue for all requests; between two proofs the event loop
// gets its turn (the verifier sees to it), so that the enclave stays reachable.

import { setImmediate } from 'node:timers/promises'
import type { EvidenceKind } from '@vorta/attestation/evidence-kind'
import { type Clock, canonicalJson, fail, toHex, toRfc3339, VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { type EnvelopeSigner, signEnvelope } from '@vorta/receipt/dsse'
import {
  encodeStatement,
  makeStatement,
  payloadType,
  statementDecoder,
} from '@vorta/receipt/statement'
import type { ProofVerdict, Verifier } from '@vorta/zkp'
import { failureOf, failureOfSealed } from './failure.ts'
import { type Artifacts, checkArtifacts, type ProofJob, readProofJob } from './proof-job.ts'
import type { Answer, AttemptOrder, Outcome, RunParams } from './protocol.ts'
import type { OpenedJob, SealedJobs } from './sealed-job.ts'
import { type Micros, openTrace, type Trace } from './trace.ts'

/**
 * Attempts verified together and reported in one frame. A batch engine gains by
 * more, a waiting requester and an abort by less: 16 take 60 ms one by one.
 */
const batchSize = 16

export type RunnerOptions = {
  readonly tee: EvidenceKind
  readonly signer: EnvelopeSigner
  readonly verifier: Verifier
  readonly sealedJobs: SealedJobs
  readonly clock: Clock
  readonly micros: Micros
  readonly send: (answer: Answer) => void
}

export type Runner = {
  /** Takes the attempts of a `run` request; answers go out through `send`. */
  readonly submit: (id: number, params: RunParams) => void
  /** Drops what is still waiting of these jobs; each is answered as JOB_CANCELLED. */
  readonly abort: (jobs: readonly string[]) => void
}

type Run = {
  readonly id: number
  readonly log: RunParams['log']
  readonly artifacts: Artifacts
  open: number
}
type Task = { readonly run: Run; readonly order: AttemptOrder; readonly trace: Trace }
/** A job whose inputs can be verified, sealed or not. */
type Job = Omit<ProofJob, 'sealed'> & Partial<OpenedJob>
type Done = { readonly task: Task; readonly outcome: Outcome }

export function createRunner(options: RunnerOptions): Runner {
  const { clock, micros, send } = options
  let waiting: Task[] = []
  let working = false

  /** Sends outcomes, those of one request in one frame, and closes requests that have all of theirs. */
  function deliver(done: readonly Done[]): void {
    for (const [run, part] of Map.groupBy(done, ({ task }) => task.run)) {
      send({ id: run.id, outcomes: part.map(({ outcome }) => outcome) })
      run.open -= part.length
      if (run.open === 0) send({ id: run.id, done: true })
    }
  }

  async function work(): Promise<void> {
    working = true
    while (waiting.length > 0) {
      await setImmediate() // what arrives together is verified together
      const tasks = waiting.splice(0, batchSize)
      deliver(await runBatch(tasks))
    }
    working = false
  }

  async function runBatch(tasks: readonly Task[]): Promise<Done[]> {
    const startedOn = toRfc3339(clock.now())
    const jobs = await Promise.all(tasks.map((task) => attempt(() => readJob(task))))
    const ready = jobs.filter((job): job is Job => !(job instanceof VortaError))
    const verdicts = await options.verifier.verifyBatch(ready.map((job) => job.request))
    for (const job of ready) job.wipe?.()
    const finishedOn = toRfc3339(clock.now())
    return Promise.all(
      tasks.map(async (task, index) => {
        const job = jobs[index] as Job | VortaError
        const verdict = job instanceof VortaError ? job : verdicts[ready.indexOf(job)]
        const outcome = await settle(task, job, verdict, startedOn, finishedOn)
        return { task, outcome: { ...identityOf(task), ...outcome } }
      }),
    )
  }

  async function readJob({ order, run, trace }: Task): Promise<Job> {
    const { sealed, ...job } = readProofJob(nodeCrypto, order.spec, run.artifacts)
    trace.step('artifacts-checked')
    if (!sealed) return job
    const opened = await options.sealedJobs.open(job, sealed, order.job.uid, order.release)
    trace.step('inputs-opened')
    return opened
  }

  async function settle(
    task: Task,
    job: Job | VortaError,
    verdict: ProofVerdict | VortaError | undefined,
    startedOn: string,
    finishedOn: string,
  ): Promise<Pick<Outcome, 'result' | 'failure'>> {
    try {
      if (job instanceof VortaError) throw job
      if (verdict instanceof VortaError) throw verdict
      if (!verdict) throw fail('ENCLAVE_FAILED', 'proof verifier: expected a verdict, got none')
      return { result: await sign(task, job, verdict, startedOn, finishedOn) }
    } catch (thrown) {
      const wasOpened = !(job instanceof VortaError) && job.opened !== undefined
      return { failure: wasOpened ? failureOfSealed(thrown) : failureOf(thrown) }
    }
  }

  async function sign(
    { order, run, trace }: Task,
    job: Job,
    verdict: ProofVerdict,
    startedOn: string,
    finishedOn: string,
  ): Promise<NonNullable<Outcome['result']>> {
    const { system, curve, encoding } = job.request
    const used = options.verifier.systems.find(({ name }) => name === system)
    if (!used) throw fail('ENCLAVE_FAILED', `proof verifier: ${system} judged, and not known`)
    trace.step('proof-judged', { verdict: verdict.verdict })
    const traceBytes = trace.encode(used.engine)
    const statement = makeStatement(nodeCrypto, {
      job: order.job,
      attempt: order.attempt,
      spec: job.spec,
      enclave: { kind: options.tee },
      log: run.log,
      startedOn,
      finishedOn,
      trace: toHex(nodeCrypto.sha256(traceBytes)),
      ...(job.opened && { sealed: job.opened }),
      proof: {
        system,
        curve,
        encoding,
        verifier: { name: used.name, version: used.version },
        ...job.digests,
        verdict: verdict.verdict,
        ...(verdict.verdict === 'invalid' ? { code: verdict.code } : {}),
      },
    })
    // The host chose names, token and log. What no verifier would read is not signed.
    decode(statementDecoder, statement, (text) => fail('INVALID_ARGUMENT', `statement: ${text}`))
    const payload = encodeStatement(statement)
    const envelope = await signEnvelope(nodeCrypto, payloadType, payload, options.signer)
    return { envelope: canonicalJson(envelope), trace: new TextDecoder().decode(traceBytes) }
  }

  return {
    submit(id, { log, artifacts, attempts }) {
      const checked = checkArtifacts(nodeCrypto, artifacts)
      const run: Run = { id, log, artifacts: checked, open: attempts.length }
      if (run.open === 0) return send({ id, done: true })
      for (const order of attempts) {
        const trace = openTrace(micros, order.job.uid, order.attempt.number)
        waiting.push({ run, order, trace })
      }
      if (!working) void work()
    },

    abort(jobs) {
      const given = new Set(jobs)
      const { dropped = [], kept = [] } = Object.groupBy(waiting, (task) =>
        given.has(task.order.job.uid) ? 'dropped' : 'kept',
      )
      waiting = kept
      const failure = failureOf(fail('JOB_CANCELLED', 'aborted before the enclave began it'))
      deliver(dropped.map((task) => ({ task, outcome: { ...identityOf(task), failure } })))
    },
  }
}

const identityOf = ({ order }: Task) => ({ job: order.job.uid, number: order.attempt.number })

async function attempt<T>(read: () => Promise<T>): Promise<T | VortaError> {
  try {
    return await read()
  } catch (thrown) {
    return VortaError.from(thrown)
  }
}

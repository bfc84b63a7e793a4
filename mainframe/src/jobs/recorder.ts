// Results into the log, in batches: appraise each, append the good ones, and end
// their jobs, all in one durable commit. So a job is SUCCEEDED exactly if its
// receipt is in the log, and it is there once.

import {
  type Clock,
  type Crypto,
  fail,
  parseCanonicalJson,
  toHex,
  toRfc3339,
  VortaError,
} from '@vorta/core'
import { decode } from '@vorta/core/decode'
import type { Logger } from '@vorta/core/log'
import {
  decodeStatement,
  type Envelope,
  encodeLogEntryOf,
  envelopeDecoder,
  openEnvelope,
  payloadType,
  type ReceiptStatement,
  requireSubject,
} from '@vorta/receipt'
import type { ArtifactStore } from '../artifacts/artifact-store.ts'
import type { LogIdentity } from '../cluster/session.ts'
import type { ClusterWorker } from '../cluster/worker.ts'
import type { Log } from '../log/log-writer.ts'
import type { Metrics } from '../metrics.ts'
import type { Mutation } from '../store/store.ts'
import type { UnappraisedResult } from './dispatch.ts'
import type { JobTable, LiveJob } from './job-table.ts'
import { isCurrent, type JobError, succeeded } from './transitions.ts'

export type RecorderDeps = {
  readonly table: JobTable
  readonly log: Log
  readonly logIdentity: LogIdentity
  readonly artifacts: Pick<ArtifactStore, 'put'>
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** The attempt gave no acceptable result. */
  readonly refuse: (worker: ClusterWorker, job: LiveJob, error: JobError) => Mutation
}

// One checkpoint is signed and one flush made per batch.
const maxBatch = 512

// The dispatcher lets no larger one through.
const maxEnvelopeBytes = 128 * 1024

type Pending = { readonly worker: ClusterWorker; readonly result: UnappraisedResult }
type Appraised = Pending & { readonly statement: ReceiptStatement; readonly envelopeSha256: string }
type Judged = Appraised | (Pending & { readonly error: JobError })

export class Recorder {
  private pending: Pending[] = []
  private draining: Promise<void> | undefined
  private readonly deps: RecorderDeps

  constructor(deps: RecorderDeps) {
    this.deps = deps
  }

  add(worker: ClusterWorker, results: readonly UnappraisedResult[]): void {
    for (const result of results) this.pending.push({ worker, result })
    if (this.draining || this.pending.length === 0) return
    this.draining = this.drain()
    // Jobs may be staged as ended whose receipts are not written: there is no going on.
    this.deps.table.guard(this.draining)
  }

  /** Resolves when all that was added is recorded. */
  async idle(): Promise<void> {
    await this.draining
  }

  private async drain(): Promise<void> {
    while (this.pending.length > 0) {
      const stop = this.deps.metrics.commitSeconds.startTimer()
      await this.record(this.pending.splice(0, maxBatch))
      stop()
    }
    this.draining = undefined
  }

  private async record(batch: readonly Pending[]): Promise<void> {
    const judged = await Promise.all(batch.map((pending) => this.appraise(pending)))
    await this.deps.log.exclusively(() => this.settle(judged))
  }

  private async settle(judged: readonly Judged[]): Promise<void> {
    const { table } = this.deps
    const refusals: Mutation[] = []
    const good: Appraised[] = []
    // From here to the commit nothing else may run that could end one of these jobs:
    // the transitions are staged before the next await. Ended jobs do not change again, so
    // theirs may be written later; a refused one may be placed anew and is written at once.
    for (const item of judged) {
      const { job, attempt } = item.result
      job.recording = false
      if (!isCurrent(job.record, attempt)) {
        this.deps.metrics.resultsRefused.inc({ code: 'ATTEMPT_FENCED' })
      } else if ('error' in item) {
        refusals.push(this.deps.refuse(item.worker, job, item.error))
      } else {
        good.push(item)
      }
    }
    const refused = table.commit(refusals)
    if (good.length > 0) await this.append(good)
    await refused
  }

  private async append(good: readonly Appraised[]): Promise<void> {
    const { table, log, clock } = this.deps
    const mutations: Mutation[] = []
    const now = clock.now()
    const time = toRfc3339(now)
    const entries = good.map(({ result, envelopeSha256 }) => ({
      jobUid: result.job.record.uid,
      entry: encodeLogEntryOf({
        envelope: envelopeSha256,
        evidence: result.enclave.evidenceSha256,
        time,
      }),
      envelope: result.envelope,
      evidenceSha256: result.enclave.evidenceSha256,
    }))
    for (const [offset, { worker, result, statement }] of good.entries()) {
      const { verdict, code } = statement.predicate.proof
      const outcome = {
        verdict,
        ...(code === undefined ? {} : { code }),
        receiptIndex: log.size + offset,
        tee: result.enclave.tee,
      }
      mutations.push(table.stage(result.job, succeeded(result.job.record, outcome, now)))
      worker.release(result.job.record.uid)
      worker.count('succeeded')
    }
    mutations.unshift(await log.prepare(entries))
    for (const worker of new Set(good.map((item) => item.worker))) {
      mutations.push({ kind: 'put-worker', worker: worker.record })
    }
    await table.commit(mutations)
    log.committed()
    this.deps.metrics.logSize.set(log.size)
  }

  private async appraise(pending: Pending): Promise<Judged> {
    const { job } = pending.result
    try {
      const statement = await this.verify(pending.result)
      // Before anything is staged: a full disk costs this attempt and nothing else.
      const { trace } = statement.predicate
      await this.deps.artifacts.put(`sha256:${trace}`, pending.result.trace)
      const envelopeSha256 = toHex(this.deps.crypto.sha256(pending.result.envelope))
      return { ...pending, statement, envelopeSha256 }
    } catch (thrown) {
      const { code, message } = VortaError.from(thrown)
      this.deps.metrics.resultsRefused.inc({ code })
      this.deps.logger.warn(
        { worker: pending.worker.id, job: job.record.id, code, reason: message },
        'result refused',
      )
      return { ...pending, error: { code, message } }
    }
  }

  /** Is it signed by the attested enclave, and about exactly what was dispatched? */
  private async verify({
    job,
    attempt,
    enclave,
    envelope: bytes,
    trace,
  }: UnappraisedResult): Promise<ReceiptStatement> {
    const { crypto, logIdentity } = this.deps
    const envelope = readEnvelope(bytes)
    const payload = await openEnvelope(crypto, envelope, { payloadType, spki: enclave.spki })
    const statement = decodeStatement(payload)
    requireSubject(crypto, statement)
    const { predicate } = statement
    const { record, proof: asked, needs, sealed } = job
    const facts: readonly (readonly [what: string, expected: string, got: string])[] = [
      ['job', `${record.uid} jobs/${record.id}`, `${predicate.job.uid} ${predicate.job.name}`],
      [
        'attempt',
        `${attempt} ${record.token}`,
        `${predicate.attempt.number} ${predicate.attempt.token}`,
      ],
      ['spec', record.specSha256, predicate.spec],
      ['enclave', enclave.tee, predicate.enclave.kind],
      [
        'log',
        `${logIdentity.origin} ${logIdentity.key}`,
        `${predicate.log.origin} ${predicate.log.key}`,
      ],
      ['system', `${asked.system} ${asked.curve} ${asked.encoding}`, systemOf(predicate.proof)],
      ['verification key', asked.verificationKey, `sha256:${predicate.proof.verificationKey}`],
      ['public inputs', asked.publicInputs, `sha256:${predicate.proof.publicInputs}`],
      ['proof', asked.proof, `sha256:${predicate.proof.proof}`],
      [
        'sealed inputs',
        sealedText(sealed && { inputs: sealed.inputs, release: record.release?.sha256 }),
        sealedText(predicate.sealed),
      ],
      ['trace', toHex(crypto.sha256(trace)), predicate.trace],
    ]
    for (const [what, expected, got] of facts) {
      if (expected !== got)
        throw fail('RESULT_MISMATCH', `statement: ${what}: expected ${expected}, got ${got}`)
    }
    // The worker may have changed its enclave since the job was placed on it.
    if (needs.tees.length > 0 && !needs.tees.includes(enclave.tee)) {
      throw fail(
        'RESULT_MISMATCH',
        `enclave: expected ${needs.tees.join(' or ')}, got ${enclave.tee}`,
      )
    }
    return statement
  }
}

const sealedText = (
  sealed: { readonly inputs: readonly string[]; readonly release: string | undefined } | undefined,
): string => (sealed ? `${sealed.inputs.join(', ')} by release ${sealed.release}` : 'none')

const systemOf = (proof: { system: string; curve: string; encoding: string }): string =>
  `${proof.system} ${proof.curve} ${proof.encoding}`

function readEnvelope(bytes: Uint8Array): Envelope {
  const json = parseCanonicalJson(bytes, { maxBytes: maxEnvelopeBytes })
  return decode(envelopeDecoder, json, (text) => fail('RESULT_MISMATCH', `envelope: ${text}`))
}

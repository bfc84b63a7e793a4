// A mainframe that keeps everything in memory and finishes every job at once:
// the far end of the line for tests of the command line, over real HTTP/2. The
// real one is tried in e2e/.

import { createHash } from 'node:crypto'
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { ConnectRouter, Interceptor } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import {
  ArtifactService,
  ClusterService,
  type Job,
  Job_State,
  type JobEvent,
  JobEventSchema,
  JobSchema,
  JobService,
  LogService,
  type PlacementReport,
  PlacementReportSchema,
  ReceiptService,
  toConnectError,
  type Worker,
} from '@vorta/api'
import { fail, fakeClock } from '@vorta/core'

export const token = 'test-token'
const time = timestampFromMs(fakeClock().now())

/** What a test may change while the server runs. */
export type Mainframe = {
  readonly url: string
  readonly artifacts: Map<string, Uint8Array>
  readonly partial: Map<string, Uint8Array>
  readonly jobs: Map<string, Job>
  readonly events: Map<string, JobEvent[]>
  /** The Authorization header of each call. */
  readonly seenTokens: (string | null)[]
  readonly requestIds: string[]
  verdict: 'valid' | 'invalid'
  /** Jobs end FAILED with this code instead of succeeding. */
  failWith: string
  /** Jobs stay where they are until they are cancelled. */
  hold: boolean
  /** The next calls of this method break off with UNAVAILABLE. */
  readonly breaks: Map<string, number>
  /** Bytes after which an upload breaks off once. */
  uploadBreaksAfter: number
  report: PlacementReport
  readonly workers: Worker[]
  receipt: Uint8Array
  log: { checkpoint: string; key: string; proof: (from: number, to: number) => Uint8Array[] }
  /** Cuts every connection. */
  dropSessions(): void
  close(): Promise<void>
}

export async function startMainframe(): Promise<Mainframe> {
  const changed = new EventTarget()
  const state: State = {
    artifacts: new Map(),
    partial: new Map(),
    jobs: new Map(),
    events: new Map(),
    seenTokens: [],
    requestIds: [],
    verdict: 'valid',
    failWith: '',
    hold: false,
    breaks: new Map(),
    uploadBreaksAfter: Number.POSITIVE_INFINITY,
    report: create(PlacementReportSchema, { evaluated: 0, feasible: 0 }),
    workers: [],
    receipt: new Uint8Array(),
    log: { checkpoint: '', key: '', proof: () => [] },
  }
  const server: Http2Server = createServer(
    connectNodeAdapter({ routes: routes(state, changed), interceptors: [guard(state)] }),
  )
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const dropSessions = () => {
    for (const session of sessions) session.destroy()
  }
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    dropSessions,
    close: async () => {
      dropSessions()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

type State = Omit<Mainframe, 'url' | 'close' | 'dropSessions'>

const guard =
  (state: State): Interceptor =>
  (next) =>
  async (request) => {
    try {
      const header = request.header.get('authorization')
      state.seenTokens.push(header)
      if (header !== `Bearer ${token}`) throw fail('UNAUTHENTICATED', 'expected a known token')
      const breaks = state.breaks.get(request.method.name) ?? 0
      if (breaks > 0) {
        state.breaks.set(request.method.name, breaks - 1)
        throw fail('UNAVAILABLE', 'going down')
      }
      return await next(request)
    } catch (thrown) {
      throw toConnectError(thrown)
    }
  }

function record(state: State, changed: EventTarget, job: Job, type: string, message: string) {
  const events = state.events.get(job.name) ?? []
  state.events.set(job.name, events)
  const sequence = BigInt(events.length + 1)
  const fields = { sequence, job: job.name, attempt: 1, type, state: job.state, message, time }
  events.push(create(JobEventSchema, fields))
  changed.dispatchEvent(new Event('change'))
}

function finish(state: State, changed: EventTarget, job: Job): void {
  if (state.hold) {
    record(state, changed, job, 'Running', 'the enclave is at work')
    return
  }
  job.endTime = time
  if (state.failWith !== '') {
    job.state = Job_State.FAILED
    job.errorCode = state.failWith
    job.errorMessage = 'it did not work out'
    record(state, changed, job, 'Failed', job.errorCode)
    return
  }
  job.state = Job_State.SUCCEEDED
  job.verdict = state.verdict
  job.tee = 'simulated'
  job.receiptIndex = 0n
  record(state, changed, job, 'Succeeded', `the proof is ${state.verdict}`)
}

function find(state: State, name: string): Job {
  const job = state.jobs.get(name)
  if (!job) throw toConnectError(fail('JOB_NOT_FOUND', `${name} does not exist`))
  return job
}

const routes = (state: State, changed: EventTarget) => (router: ConnectRouter) => {
  const digestOf = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`
  router.service(ArtifactService, {
    statArtifacts: ({ digests }) => ({
      artifacts: digests.map((digest) => {
        const whole = state.artifacts.get(digest)
        const size = (whole ?? state.partial.get(digest))?.length ?? 0
        return { digest, present: whole !== undefined, sizeBytes: BigInt(size) }
      }),
    }),
    createArtifact: ({ digest, data }) => {
      if (digestOf(data) !== digest) throw toConnectError(fail('DIGEST_MISMATCH', 'wrong digest'))
      state.artifacts.set(digest, data)
      return {}
    },
    uploadArtifact: async (requests) => {
      let digest = ''
      let data = Buffer.alloc(0)
      for await (const { part } of requests) {
        if (part.case === 'header') {
          digest = part.value.digest
          data = Buffer.from(state.partial.get(digest) ?? [])
          if (Number(part.value.offset) !== data.length) {
            throw toConnectError(fail('OFFSET_MISMATCH', 'wrong offset'))
          }
        } else if (part.case === 'chunk') data = Buffer.concat([data, part.value])
        state.partial.set(digest, data)
        if (data.length > state.uploadBreaksAfter) {
          state.uploadBreaksAfter = Number.POSITIVE_INFINITY
          throw toConnectError(fail('UNAVAILABLE', 'the line went dead'))
        }
      }
      if (digestOf(data) !== digest) throw toConnectError(fail('DIGEST_MISMATCH', 'wrong digest'))
      state.artifacts.set(digest, data)
      return {}
    },
  })
  router.service(JobService, {
    createJob: ({ jobId, spec, requestId, validateOnly }) => {
      if (validateOnly) return { placement: state.report }
      state.requestIds.push(requestId)
      const name = `jobs/${jobId || `j${state.jobs.size + 1}`}`
      if (state.jobs.has(name)) throw toConnectError(fail('JOB_EXISTS', `${name} exists`))
      const fields = { name, uid: `u-${name.slice(5)}`, state: Job_State.RUNNING, createTime: time }
      const job = create(JobSchema, { ...fields, attempt: 1, specSha256: 'ab'.repeat(32) })
      if (spec) job.spec = spec
      state.jobs.set(name, job)
      record(state, changed, job, 'Placed', 'attempt 1 on workers/worker-01')
      if (state.report.evaluated > 0 && state.report.feasible === 0) {
        record(state, changed, job, 'Unplaceable', '0 feasible')
      }
      finish(state, changed, job)
      return { job }
    },
    getJob: ({ name }) => ({ job: find(state, name) }),
    listJobs: ({ pageSize, pageToken }) => {
      const all = [...state.jobs.values()]
      const from = Number(pageToken || 0)
      const end = Math.min(from + Math.min(pageSize, 2), all.length)
      return {
        jobs: all.slice(from, end),
        nextPageToken: end < all.length ? String(end) : '',
      }
    },
    cancelJob: ({ name }) => {
      const job = find(state, name)
      job.state = Job_State.CANCELLED
      job.errorCode = 'JOB_CANCELLED'
      record(state, changed, job, 'Cancelled', 'by request')
      return { job }
    },
    stopJob: ({ name }) => ({ job: find(state, name) }),
    async *watchJob({ name }, { signal }) {
      for (;;) {
        const job = find(state, name)
        const next = Promise.withResolvers<void>()
        const wake = () => next.resolve()
        changed.addEventListener('change', wake, { once: true })
        signal.addEventListener('abort', wake, { once: true })
        yield { job, events: state.events.get(name) ?? [] }
        if (signal.aborted || job.state >= Job_State.SUCCEEDED) return
        await next.promise
      }
    },
    listJobEvents: ({ name }) => ({ events: state.events.get(find(state, name).name) ?? [] }),
  })
  router.service(ClusterService, {
    getServerInfo: () => ({ version: '0.1.0', simulatedAccepted: true }),
    getPlacementReport: ({ job }) => ({ report: state.report, job: find(state, job) }),
    listWorkers: () => ({ workers: state.workers }),
    getWorker: ({ name }) => {
      const worker = state.workers.find((known) => known.name === name)
      if (!worker) throw toConnectError(fail('WORKER_NOT_FOUND', `${name} does not exist`))
      return { worker }
    },
  })
  router.service(ReceiptService, { getReceipt: () => ({ receipt: state.receipt }) })
  router.service(LogService, {
    getCheckpoint: () => ({ checkpoint: state.log.checkpoint, key: state.log.key }),
    getConsistencyProof: ({ oldSize, newSize }) => ({
      newSize,
      hashes: state.log.proof(Number(oldSize), Number(newSize)),
    }),
  })
}

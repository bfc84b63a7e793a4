// One port, many tongues: curl with JSON, gRPC by another library, gRPC-Web, GET.
// And what none of them may do: without a token, with too much, with unknown fields.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { before, test } from 'node:test'
import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect'
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node'
import { type ServiceError, status } from '@grpc/grpc-js'
import {
  ArtifactService,
  ClusterService,
  type CreateJobRequestSchema,
  type CreateJobResponse,
  domain,
  fromConnectError,
  JobService,
  JobSpecSchema,
  type WatchJobResponse,
} from '@vorta/api'
import { ErrorInfoSchema } from '@vorta/api/gen/google/rpc/error_details_pb'
import { concat } from '@vorta/core'
import { exampleFiles } from '@vorta/enclave/testkit/example'
import { waitFor } from '../scripts/api-client.ts'
import { run } from './kit/cli.ts'
import { grpcClient } from './kit/grpc.ts'
import { joinAdmitted } from './kit/hostile-worker.ts'
import { digestOf, ended, specOf, stateOf, upload } from './kit/jobs.ts'
import { memoryOf } from './kit/processes.ts'
import { bootSystem } from './kit/system.ts'

const system = await bootSystem({ workers: 1 })
const { client, cluster, token } = system
const headers = join(system.folder, 'headers')
const specJson = toJson(JobSpecSchema, create(JobSpecSchema, specOf()))

before(async () => {
  // The token stays off the command line, where every process could read it.
  writeFileSync(headers, `authorization: Bearer ${token}\ncontent-type: application/json\n`, {
    mode: 0o600,
  })
  await upload(client)
})

type JsonAnswer = { readonly status: number; readonly http: string; readonly body: unknown }

/** Calls with curl and gives the status, the version of HTTP and the body. */
async function curl(method: string, body: unknown, ...options: string[]): Promise<JsonAnswer> {
  const { stdout } = await run('curl', [
    ...['-sS', '--max-time', '10', '-H', `@${headers}`, '-d', JSON.stringify(body)],
    ...['-w', '\n%{http_code} %{http_version}', ...options, `${cluster.url}/vorta.v1.${method}`],
  ])
  const [, text = '', code, http = ''] = /^(.*)\n(\d+) ([\d.]+)$/s.exec(stdout) ?? []
  return { status: Number(code), http, body: JSON.parse(text) }
}

for (const [http, ...options] of [['1.1'], ['2', '--http2-prior-knowledge']] as const) {
  test(`runs a job for curl with JSON over HTTP/${http}`, async () => {
    const created = await curl('JobService/CreateJob', { spec: specJson }, ...options)
    assert.deepEqual([created.status, created.http], [200, http])
    const { name } = (created.body as { job: { name: string } }).job
    await ended(client, name)
    const got = await curl('JobService/GetJob', { name }, ...options)
    assert.equal(got.status, 200)
    const { job } = got.body as { job: Record<string, unknown> }
    assert.deepEqual([job.name, job.state, job.verdict], [name, 'STATE_SUCCEEDED', 'valid'])
  })
}

test('tells curl what is wrong with code, reason, domain and hint', async () => {
  const { status, body } = await curl('JobService/GetJob', { name: 'jobs/nobody' })
  assert.equal(status, 404)
  const { code, details } = body as {
    code: string
    details: { type: string; debug: Record<string, unknown> }[]
  }
  assert.equal(code, 'not_found')
  const info = details.find(({ type }) => type === 'google.rpc.ErrorInfo')
  assert.deepEqual([info?.debug.reason, info?.debug.domain], ['JOB_NOT_FOUND', 'vorta.org'])
  const help = details.find(({ type }) => type === 'google.rpc.Help')
  assert.match(JSON.stringify(help?.debug), /docs\/errors\.md#job_not_found/)
})

test('refuses an unknown field in JSON', async () => {
  for (const body of [
    { spec: specJson, surprise: 1 },
    { spec: { ...(specJson as object), surprise: 1 } },
  ]) {
    const { status, body: answer } = await curl('JobService/CreateJob', body)
    assert.equal(status, 400)
    const { code, message } = answer as { code: string; message: string }
    assert.equal(code, 'invalid_argument')
    assert.match(message, /surprise/)
  }
})

test('refuses an unknown field in the binary form of a spec', async () => {
  const spec = create(JobSpecSchema, specOf())
  spec.$unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(1) }]
  await assert.rejects(client.jobs.createJob({ spec }), (thrown) => {
    const error = fromConnectError(thrown)
    assert.equal(error.code, 'INVALID_JOB_SPEC')
    assert.match(error.message, /99/)
    return true
  })
})

test('answers reads without side effects to GET, and nothing else', async () => {
  const get = async (method: string, message: object) => {
    const url = new URL(`/vorta.v1.${method}`, cluster.url)
    url.search = new URLSearchParams({
      connect: 'v1',
      encoding: 'json',
      message: JSON.stringify(message),
    }).toString()
    return fetch(url, { headers: { authorization: `Bearer ${token}` } })
  }
  const info = await get('ClusterService/GetServerInfo', {})
  assert.equal(info.status, 200)
  assert.deepEqual(((await info.json()) as { apiVersions: unknown }).apiVersions, ['vorta.v1'])
  assert.equal((await get('JobService/CreateJob', { spec: specJson })).status, 405)
})

/** A job from its creation to its end, watched, in the words of any client. */
async function runJob(jobs: {
  readonly createJob: (
    request: MessageInitShape<typeof CreateJobRequestSchema>,
  ) => Promise<CreateJobResponse>
  readonly watchJob: (request: { name: string }) => AsyncIterable<WatchJobResponse>
}): Promise<void> {
  const { job } = await jobs.createJob({ spec: specOf() })
  const states: string[] = []
  for await (const { job: seen } of jobs.watchJob({ name: job?.name ?? '' })) {
    if (seen) states.push(stateOf(seen))
  }
  assert.equal(states.at(-1), 'SUCCEEDED')
}

test('speaks gRPC with another library, server streams included', async () => {
  const grpc = grpcClient(cluster.url, token)
  const { createJob, watchJob, getJob } = JobService.method
  await runJob({
    createJob: (request) => grpc.call(createJob, request),
    watchJob: (request) => grpc.stream(watchJob, request),
  })
  await assert.rejects(grpc.call(getJob, { name: 'jobs/nobody' }), (error: ServiceError) => {
    assert.equal(error.code, status.NOT_FOUND)
    assert.ok(error.metadata.get('grpc-status-details-bin').length > 0)
    return true
  })
  grpc.close()
  const stranger = grpcClient(cluster.url, 'nobody')
  await assert.rejects(stranger.call(getJob, { name: 'jobs/nobody' }), {
    code: status.UNAUTHENTICATED,
  })
  stranger.close()
})

const bearer =
  (given: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set('authorization', `Bearer ${given}`)
    return next(request)
  }

test('speaks gRPC-Web, server streams included', async () => {
  const transport = createGrpcWebTransport({
    baseUrl: cluster.url,
    httpVersion: '1.1',
    interceptors: [bearer(token)],
  })
  await runJob(createClient(JobService, transport))
  const { getJob } = createClient(JobService, transport)
  await assert.rejects(getJob({ name: 'jobs/nobody' }), (thrown) => {
    const info = ConnectError.from(thrown).findDetails(ErrorInfoSchema)[0]
    assert.deepEqual([info?.reason, info?.domain], ['JOB_NOT_FOUND', domain])
    return true
  })
})

/** Clients of the API with another token, or with none. */
function clientsWith(given?: string) {
  const transport = createConnectTransport({
    baseUrl: cluster.url,
    httpVersion: '1.1',
    interceptors: given === undefined ? [] : [bearer(given)],
  })
  return {
    jobs: createClient(JobService, transport),
    cluster: createClient(ClusterService, transport),
    artifacts: createClient(ArtifactService, transport),
  }
}

const withCode = (code: string) => (thrown: unknown) => {
  assert.equal(fromConnectError(thrown).code, code)
  return true
}

test("answers nobody without the administrator's token", async () => {
  const join_ = readFileSync(join(cluster.folder, 'mainframe/join.token'), 'utf8').trim()
  for (const given of [undefined, '', 'x', `${token}x`, token.toLowerCase(), join_]) {
    const { jobs, cluster } = clientsWith(given)
    await assert.rejects(jobs.listJobs({}), withCode('UNAUTHENTICATED'))
    await assert.rejects(cluster.getServerInfo({}), withCode('UNAUTHENTICATED'))
  }
})

test('lets a worker download artifacts while it is admitted, and nothing else', async () => {
  const worker = await joinAdmitted(system, { id: 'reader' })
  const { jobs, cluster, artifacts } = clientsWith((await worker.admission).sessionToken)
  await assert.rejects(jobs.listJobs({}), withCode('PERMISSION_DENIED'))
  await assert.rejects(cluster.listWorkers({}), withCode('PERMISSION_DENIED'))
  // Permission comes before existence: a name that is not there tells nothing.
  await assert.rejects(jobs.getJob({ name: 'jobs/nobody' }), withCode('PERMISSION_DENIED'))
  const request = { digests: [digestOf(exampleFiles.proof)] }
  const parts: Uint8Array[] = []
  for await (const { data } of artifacts.downloadArtifacts(request)) parts.push(data)
  assert.deepEqual(concat(...parts), exampleFiles.proof)

  worker.leave()
  await waitFor('the token to be revoked', async () => {
    const code = await jobs.listJobs({}).then(
      () => '',
      (thrown) => fromConnectError(thrown).code,
    )
    return code === 'UNAUTHENTICATED'
  })
})

const hundredMegabytes = 100 * 2 ** 20

/** Sends a body of 100 MB piece by piece until the server has had enough; gives its answer. */
function sendTooMuch(
  headers: Record<string, string | number>,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      new URL('/vorta.v1.ArtifactService/CreateArtifact', cluster.url),
      {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          ...headers,
        },
      },
      async (response) => {
        let body = ''
        for await (const chunk of response) body += chunk
        request.destroy()
        resolve({ status: response.statusCode ?? 0, body })
      },
    )
    request.on('error', reject)
    function* body(): Generator<Buffer> {
      const piece = Buffer.alloc(2 ** 20, ' ')
      for (let sent = 0; sent < hundredMegabytes; sent += piece.length) yield piece
    }
    Readable.from(body()).pipe(request)
  })
}

test('refuses a body of 100 MB without taking it into memory', async (context) => {
  const pid = cluster.mainframe.process.pid as number
  const before = memoryOf(pid).now
  for (const headers of [
    { 'content-length': hundredMegabytes },
    { 'transfer-encoding': 'chunked' },
  ]) {
    const { status, body } = await sendTooMuch(headers)
    assert.equal(status, 429)
    assert.equal(JSON.parse(body).code, 'resource_exhausted')
  }
  const overHttp2 = createClient(
    ArtifactService,
    createGrpcTransport({
      baseUrl: cluster.url,
      interceptors: [bearer(token)],
      // Else Node's own limit on what a session may hold stops the client before the server can.
      nodeOptions: { maxSessionMemory: 1000 },
    }),
  )
  const request = { digest: digestOf(exampleFiles.proof), data: new Uint8Array(hundredMegabytes) }
  await assert.rejects(overHttp2.createArtifact(request), withCode('TOO_LARGE'))
  const grown = memoryOf(pid).peak - before
  context.diagnostic(`memory of the mainframe grew by at most ${Math.round(grown / 2 ** 20)} MiB`)
  assert.ok(grown < hundredMegabytes / 2)
})

test('refuses more than 2 MiB in one call, and names the call to use', async () => {
  const data = new Uint8Array(3 * 2 ** 20)
  await assert.rejects(
    client.artifacts.createArtifact({ digest: digestOf(data), data }),
    (thrown) => {
      const error = fromConnectError(thrown)
      assert.equal(error.code, 'TOO_LARGE')
      assert.equal(ConnectError.from(thrown).code, Code.ResourceExhausted)
      assert.match(error.hints.join(), /UploadArtifact/)
      return true
    },
  )
})

// What every call passes, over real HTTP: the gate before the request is read,
// and errors of calls and streams in the one form that clients know.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { createClient } from '@connectrpc/connect'
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node'
import { ArtifactService, fromConnectError, JobService } from '@vorta/api'
import { observe } from '@vorta/api/server/calls'
import { fail, type VortaError } from '@vorta/core'
import { createLogger } from '@vorta/core/log'
import { openPort, type Port } from '@vorta/core/server/port'
import { createMetrics } from '../metrics.ts'
import { gate } from './interceptors.ts'
import { openTokens } from './tokens.ts'

suite('a call', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-interceptors-test-'))
  const tokens = openTokens(folder)
  const admin = readFileSync(join(folder, 'admin.token'), 'utf8').trim()
  const metrics = createMetrics()
  let stopping = false
  let port: Port

  before(async () => {
    const handler = connectNodeAdapter({
      requestGate: gate({ tokens, metrics, stopping: () => stopping }),
      interceptors: [observe(metrics.rpcSeconds, createLogger('test', 'silent'))],
      jsonOptions: { ignoreUnknownFields: false },
      routes: (router) => {
        router.service(JobService, {
          getJob: ({ name }) => {
            if (name === 'jobs/bug') throw new TypeError('secret detail')
            if (name === 'jobs/one') return {}
            throw fail('JOB_NOT_FOUND', `${name} does not exist`, { meta: { name } })
          },
          async *watchJob({ name }) {
            yield {}
            if (name === 'jobs/bug') throw new TypeError('secret detail')
            if (name !== 'jobs/one') throw fail('COMPACTED', 'too slow')
          },
        })
        router.service(ArtifactService, {
          async *downloadArtifacts() {
            yield { data: new Uint8Array(1) }
          },
        })
      },
    })
    port = await openPort({
      host: '127.0.0.1',
      port: 0,
      handler,
      onUpgrade: (_, socket) => socket.destroy(),
    })
  })
  after(async () => {
    await port.close()
    rmSync(folder, { recursive: true })
  })

  const as = (token: string) => {
    const transport = createConnectTransport({
      baseUrl: port.url,
      httpVersion: '1.1',
      interceptors: [
        (next) => (call) => {
          call.header.set('authorization', `Bearer ${token}`)
          return next(call)
        },
      ],
    })
    return {
      jobs: createClient(JobService, transport),
      artifacts: createClient(ArtifactService, transport),
    }
  }
  const failure = async (work: () => Promise<unknown>): Promise<VortaError> => {
    try {
      await work()
    } catch (thrown) {
      return fromConnectError(thrown)
    }
    throw new Error('expected a failure')
  }
  const drain = async (stream: AsyncIterable<unknown>) => {
    let count = 0
    for await (const _ of stream) count++
    return count
  }
  const timed = async (method: string) =>
    (await metrics.rpcSeconds.get()).values
      .filter(
        ({ metricName, labels }) => /_count$/.test(metricName ?? '') && labels.method === method,
      )
      .map(({ labels, value }) => `${labels.code} ${value}`)
      .sort()

  test('of a stranger is refused alike, whether the thing exists or not', async () => {
    for (const token of ['x', 'y'.repeat(100)]) {
      const { jobs, artifacts } = as(token)
      const faults = [
        await failure(() => jobs.getJob({ name: 'jobs/one' })),
        await failure(() => jobs.getJob({ name: 'jobs/none' })),
        await failure(() => drain(jobs.watchJob({ name: 'jobs/one' }))),
        await failure(() => drain(artifacts.downloadArtifacts({}))),
      ]
      for (const { code, message, hints } of faults) {
        assert.equal(code, 'UNAUTHENTICATED')
        assert.equal(message, faults[0]?.message)
        assert.equal(hints.length, 1)
      }
    }
  })

  test('of a worker is downloads only, as long as its session lasts', async () => {
    const session = tokens.openSession()
    const { jobs, artifacts } = as(session.token)
    assert.equal(await drain(artifacts.downloadArtifacts({})), 1)
    for (const name of ['jobs/one', 'jobs/none']) {
      assert.equal((await failure(() => jobs.getJob({ name }))).code, 'PERMISSION_DENIED')
    }
    session.revoke()
    const fault = await failure(() => drain(artifacts.downloadArtifacts({})))
    assert.equal(fault.code, 'UNAUTHENTICATED')
  })

  test('of a stranger is answered before its body is there', async () => {
    const call = request(`${port.url}/vorta.v1.JobService/CreateJob`, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': '4000000' },
    })
    call.on('error', () => {}).flushHeaders()
    const status = await new Promise((resolve) =>
      call.once('response', ({ statusCode }) => resolve(statusCode)),
    )
    assert.equal(status, 401)
    call.destroy()
    const { values } = await metrics.callsRefused.get()
    assert.ok(values.some(({ labels, value }) => labels.code === 'UNAUTHENTICATED' && value > 0))
  })

  test('fails with our code, facts and page', async () => {
    const { code, message, meta } = await failure(() => as(admin).jobs.getJob({ name: 'jobs/x' }))
    assert.deepEqual(
      [code, message, meta],
      ['JOB_NOT_FOUND', 'jobs/x does not exist', { name: 'jobs/x' }],
    )
  })

  test('that is a stream fails with our code too, after what it gave', async () => {
    const { jobs } = as(admin)
    assert.equal(await drain(jobs.watchJob({ name: 'jobs/one' })), 1)
    assert.equal((await failure(() => drain(jobs.watchJob({ name: 'jobs/x' })))).code, 'COMPACTED')
  })

  test('that hits a fault of ours does not tell its details', async () => {
    const { jobs } = as(admin)
    for (const work of [
      () => jobs.getJob({ name: 'jobs/bug' }),
      () => drain(jobs.watchJob({ name: 'jobs/bug' })),
    ]) {
      const { code, message } = await failure(work)
      assert.equal(code, 'INTERNAL')
      assert.doesNotMatch(message, /secret/)
    }
  })

  test('is counted with its outcome, a stream once and at its end', async () => {
    await as(admin).jobs.getJob({ name: 'jobs/one' })
    assert.deepEqual(await timed('GetJob'), ['internal 1', 'notfound 1', 'ok 1'])
    assert.deepEqual(await timed('WatchJob'), ['internal 1', 'ok 1', 'outofrange 1'])
  })

  test('that is no JSON, or has an unknown field, is the client’s mistake', async () => {
    for (const body of ['{', '{"nane":"jobs/one"}', '[]', '{"name":5}']) {
      const answer = await fetch(`${port.url}/vorta.v1.JobService/GetJob`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${admin}` },
        body,
      })
      assert.equal(answer.status, 400)
      assert.equal(((await answer.json()) as { code: string }).code, 'invalid_argument')
    }
  })

  test('is refused while the mainframe stops, with leave to try again', async () => {
    stopping = true
    try {
      const { code } = await failure(() => as(admin).jobs.getJob({ name: 'jobs/one' }))
      assert.equal(code, 'UNAVAILABLE')
      assert.equal((await failure(() => as('x').jobs.getJob({}))).code, 'UNAUTHENTICATED')
    } finally {
      stopping = false
    }
  })
})

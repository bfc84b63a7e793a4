// Typed clients of a running mainframe, for the demo, the end-to-end tests and
// the benchmarks.

import { readFileSync } from 'node:fs'
import { createClient, type Interceptor } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import {
  ArtifactService,
  AttestationService,
  ClusterService,
  JobService,
  KeyReleaseService,
  LogService,
  ReceiptService,
  Worker_State,
} from '@vorta/api'

export function connect(url: string, tokenFile: string) {
  const token = readFileSync(tokenFile, 'utf8').trim()
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`)
    return next(request)
  }
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '2',
    interceptors: [authorize],
  })
  return {
    jobs: createClient(JobService, transport),
    artifacts: createClient(ArtifactService, transport),
    cluster: createClient(ClusterService, transport),
    attestation: createClient(AttestationService, transport),
    receipts: createClient(ReceiptService, transport),
    releases: createClient(KeyReleaseService, transport),
    log: createClient(LogService, transport),
  }
}

export type ApiClient = ReturnType<typeof connect>

/** Looks again every `everyMs` until the answer is true; throws after `timeoutMs`. */
export async function waitFor(
  what: string,
  look: () => Promise<boolean>,
  timeoutMs = 30_000,
  everyMs = 50,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what} in vain`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

export const waitForWorkers = (client: ApiClient, count: number): Promise<void> =>
  waitFor(`${count} workers to be ready`, async () => {
    const { workers } = await client.cluster.listWorkers({})
    return workers.filter((worker) => worker.state === Worker_State.READY).length >= count
  })

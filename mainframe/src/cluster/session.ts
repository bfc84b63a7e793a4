// A worker's connection, seen from the mainframe: the worker dialled, the
// mainframe is the client of its WorkerService. First it is described, its
// enclave challenged and appraised, and only an accepted one is admitted; then
// its status is watched until the connection ends.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Client, createClient } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { type Attempt, type AttemptUpdate, type DescribeResponse, WorkerService } from '@vorta/api'
import { claimsDecoder, type Evidence } from '@vorta/attestation'
import { fail, parseCanonicalJson, toBase64, toHex } from '@vorta/core'
import { decode, oneOf } from '@vorta/core/decode'
import type { CollateralSource } from '../attestation/collateral.ts'

/** Where results will be recorded; the enclave signs it. */
export type LogIdentity = { readonly origin: string; readonly key: string }

export type InlineArtifact = { readonly digest: string; readonly data: Uint8Array }

const callTimeoutMs = 10_000

// A quiet connection is asked for a sign of life this often, and dropped when
// none comes within the timeout: a worker whose power is cut closes nothing.
const ping = { pingIntervalMs: 2000, pingTimeoutMs: 3000, pingIdleConnection: true } as const

const maxClaimsBytes = 4096

export class WorkerSession {
  readonly workerId: string
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  private readonly socket: Duplex
  private readonly client: Client<typeof WorkerService>
  private readonly ended = new AbortController()

  constructor(workerId: string, socket: Duplex) {
    this.workerId = workerId
    this.socket = socket
    const url = `http://${workerId}.worker.internal`
    const sessionManager = new Http2SessionManager(url, ping, { createConnection: () => socket })
    this.client = createClient(
      WorkerService,
      createGrpcTransport({
        baseUrl: url,
        sessionManager,
        readMaxBytes: 16 << 20,
        writeMaxBytes: 64 << 20,
      }),
    )
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.ended.abort()
        resolve()
      })
    })
  }

  describe(): Promise<DescribeResponse> {
    return this.client.describe({}, { timeoutMs: callTimeoutMs, signal: this.ended.signal })
  }

  /** Challenges the enclave with a fresh nonce. The evidence is untrusted until appraised. */
  async challenge(
    collateral: CollateralSource,
  ): Promise<{ readonly evidence: Evidence; readonly nonce: string; readonly generation: bigint }> {
    const nonce = new Uint8Array(randomBytes(32))
    const answer = await this.client.attest(
      { nonce },
      { timeoutMs: callTimeoutMs, signal: this.ended.signal },
    )
    const refuse = (text: string) => fail('JOIN_REFUSED', `evidence of ${this.workerId}: ${text}`)
    const tee = decode(oneOf('sgx', 'simulated'), answer.tee, refuse)
    const claims = decode(
      claimsDecoder,
      parseCanonicalJson(answer.claims, { maxBytes: maxClaimsBytes }),
      refuse,
    )
    const evidence: Evidence = {
      tee,
      claims,
      quote: toBase64(answer.quote),
      collateral: await collateral(tee),
    }
    return { evidence, nonce: toHex(nonce), generation: answer.enclaveGeneration }
  }

  async admit(verdict: {
    accepted: boolean
    code?: string
    message?: string
    sessionToken?: string
  }): Promise<void> {
    await this.client.admit(verdict, { timeoutMs: callTimeoutMs, signal: this.ended.signal })
  }

  watchStatus(intervalMs: number) {
    return this.client.watchStatus({ intervalMs }, { signal: this.ended.signal })
  }

  /** Runs a batch; yields updates as they come. Ends with the batch, throws when the connection ends. */
  async *execute(
    attempts: readonly Attempt[],
    log: LogIdentity,
    inline: readonly InlineArtifact[],
  ): AsyncGenerator<readonly AttemptUpdate[]> {
    const request = { attempts: [...attempts], log, inline: [...inline] }
    for await (const { updates } of this.client.execute(request, { signal: this.ended.signal }))
      yield updates
  }

  async abort(jobUids: readonly string[]): Promise<void> {
    await this.client.abort(
      { jobUids: [...jobUids] },
      { timeoutMs: callTimeoutMs, signal: this.ended.signal },
    )
  }

  /** One round trip, in milliseconds. */
  async measureLatency(): Promise<number> {
    const start = performance.now()
    await this.describe()
    return performance.now() - start
  }

  close(): void {
    this.ended.abort()
    this.socket.destroy()
  }
}

// A worker's connection, seen from the mainframe: the worker dialled, the
// mainframe is the client of its WorkerService. First it is described, its
// enclave challenged and appraised, and only an accepted one is admitted; then
// its status is watched until the connection ends.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Client, createClient } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { type Attempt, type AttemptUpdate, type DescribeResponse, WorkerService } from '@vorta/api'
import { claimsDecoder, type Evidence, evidenceDecoder, evidenceKind } from '@vorta/attestation'
import type { CollateralSource } from '@vorta/attestation/collateral-service/sources'
import type { EnclaveIdentity } from '@vorta/attestation/ra-tls/same-enclave'
import { fail, parseCanonicalJson, toBase64, toHex } from '@vorta/core'
import { decode } from '@vorta/core/decode'

/** Where results will be recorded; the enclave signs it. */
export type LogIdentity = { readonly origin: string; readonly key: string }

export type InlineArtifact = { readonly digest: string; readonly data: Uint8Array }

const callTimeoutMs = 10_000

// A quiet connection is asked for a sign of life this often, and dropped when
// none comes within the timeout: a worker whose power is cut closes nothing.
const ping = { pingIntervalMs: 2000, pingTimeoutMs: 3000, pingIdleConnection: true } as const

const maxClaimsBytes = 4096

// A call that runs jobs ends by itself when the last of them has expired; this
// is what a worker gets beyond that to say so.
const executeSlackMs = 10_000

/** What jobs need of a connection. */
export type WorkerCalls = Pick<
  WorkerSession,
  'execute' | 'abort' | 'close' | 'closed' | 'challenge'
>

export class WorkerSession {
  readonly workerId: string
  /** The enclave that opened the connection. */
  readonly peer: EnclaveIdentity
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  private readonly socket: Duplex
  private readonly client: Client<typeof WorkerService>
  private readonly ended = new AbortController()
  private readonly batches = new Set<Promise<void>>()

  constructor(workerId: string, socket: Duplex, peer: EnclaveIdentity) {
    this.workerId = workerId
    this.socket = socket
    this.peer = peer
    const url = `http://${workerId}.worker.internal`
    const sessionManager = new Http2SessionManager(url, ping, {
      createConnection: once(() => socket),
    })
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

  /** Challenges the enclave with a nonce, by default a fresh one. The evidence is untrusted until appraised. */
  async challenge(
    collateral: CollateralSource,
    nonce: Uint8Array = new Uint8Array(randomBytes(32)),
  ): Promise<{ readonly evidence: Evidence; readonly nonce: string; readonly generation: bigint }> {
    const answer = await this.client.attest(
      { nonce },
      { timeoutMs: callTimeoutMs, signal: this.ended.signal },
    )
    const refuse = (text: string) => fail('JOIN_REFUSED', `evidence of ${this.workerId}: ${text}`)
    const tee = decode(evidenceKind, answer.tee, refuse)
    const claims = decode(
      claimsDecoder,
      parseCanonicalJson(answer.claims, { maxBytes: maxClaimsBytes }),
      refuse,
    )
    const quote = toBase64(answer.quote)
    const evidence: Evidence = {
      tee,
      claims,
      quote,
      collateral: await collateral(answer.quote),
      ...(answer.eventLog !== '' && { eventLog: answer.eventLog }),
    }
    decode(evidenceDecoder, evidence, refuse)
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

  /**
   * Runs a batch; yields updates as they come. Ends with the batch, throws when the connection
   * ends or some time after the last deadline of the batch.
   */
  async *execute(
    attempts: readonly Attempt[],
    log: LogIdentity,
    inline: readonly InlineArtifact[],
    remainingMs: number,
  ): AsyncGenerator<readonly AttemptUpdate[]> {
    const request = { attempts: [...attempts], log, inline: [...inline] }
    const timeoutMs = Math.max(0, remainingMs) + executeSlackMs
    const answers = this.client.execute(request, { timeoutMs, signal: this.ended.signal })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.batches.add(promise)
    try {
      for await (const { updates } of answers) yield updates
    } finally {
      this.batches.delete(promise)
      resolve()
    }
  }

  /** Hangs up once all that the batches under way still give is read, or the connection has ended. */
  async finish(): Promise<void> {
    await Promise.race([Promise.all(this.batches), this.closed])
    this.close()
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

/** There is one socket. A peer that ends HTTP/2 on it (GOAWAY) has ended the connection. */
function once(connect: () => Duplex): () => Duplex {
  let used = false
  return () => {
    const socket = connect()
    if (used) {
      socket.destroy()
      throw fail('WORKER_LOST', 'the worker ended its HTTP/2 session')
    }
    used = true
    return socket
  }
}

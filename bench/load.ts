// The requester's side of a benchmark: the example proof as jobs, one at a time
// or many in flight, each timed from its submission until its receipt is there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Job_State, type JobEvent } from '@vorta/api'
import { simulatedAnchor } from '@vorta/attestation'
import { digestOf } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { verifyReceipt } from '@vorta/receipt'
import type { ApiClient } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'

/** Uploads the example proof and gives the spec that every job shares. */
export async function uploadExample({ artifacts }: ApiClient) {
  const upload = async (name: string): Promise<string> => {
    const data = readFileSync(join(root, 'artifacts', name))
    const digest = digestOf(nodeCrypto, data)
    await artifacts.createArtifact({ digest, data })
    return digest
  }
  const value = {
    system: 'groth16',
    curve: 'bn254',
    encoding: 'snarkjs',
    verificationKey: await upload('verification_key.json'),
    publicInputs: await upload('public.json'),
    proof: await upload('proof.bin'),
  }
  // Little enclave memory, so that slots and not EPC bound what a worker takes.
  return {
    work: { case: 'proof', value },
    resources: { memoryBytes: 2n ** 20n, epcBytes: 2n ** 20n },
  } as const
}

export type ExampleSpec = Awaited<ReturnType<typeof uploadExample>>

/** Submits one job as a requester would, follows it and fetches its receipt. */
export async function receiptOfOne(client: ApiClient, spec: ExampleSpec): Promise<Uint8Array> {
  const { job } = await client.jobs.createJob({ spec })
  const name = job?.name ?? ''
  for await (const { job } of client.jobs.watchJob({ name })) {
    if (job?.state === Job_State.SUCCEEDED) break
  }
  return (await client.receipts.getReceipt({ name })).receipt
}

export type Ends = {
  /** Resolves with the time (performance.now) at which a job is heard to have its receipt. */
  readonly of: (name: string) => Promise<number>
}

/** Follows the ends of all jobs on one stream, until the signal. A job that fails rejects. */
export async function watchEnds({ jobs }: ApiClient, signal: AbortSignal): Promise<Ends> {
  const waiting = new Map<string, PromiseWithResolvers<number>>()
  const started = Promise.withResolvers<void>()
  const onEvent = ({ job, state, message }: JobEvent): void => {
    if (state < Job_State.SUCCEEDED) return
    const end = waiting.get(job)
    waiting.delete(job)
    if (state === Job_State.SUCCEEDED) end?.resolve(performance.now())
    else end?.reject(new Error(`${job}: ${message}`))
  }
  const follow = async (): Promise<never> => {
    for await (const { events } of jobs.watchEvents({}, { signal })) {
      started.resolve() // the first answer is empty and says that the subscription stands
      for (const event of events) onEvent(event)
    }
    throw new Error('the stream of events ended')
  }
  follow().catch((error) => {
    started.reject(error)
    for (const end of waiting.values()) end.reject(error)
  })
  await started.promise
  return {
    of: (name) => {
      const end = Promise.withResolvers<number>()
      waiting.set(name, end)
      return end.promise
    },
  }
}

export type LoadOptions = {
  readonly client: ApiClient
  readonly ends: Ends
  readonly spec: ExampleSpec
  /** Names of jobs begin with it; no two loads may share it. */
  readonly prefix: string
  readonly jobs: number
  /** Jobs of one BatchCreateJobs. */
  readonly perBatch: number
  /** Batches that are under way at once; another is submitted when one has all its receipts. */
  readonly batchesInFlight: number
}

export type LoadResult = {
  readonly receiptsPerSecond: number
  /** Of each job, from the call that submitted it until its receipt was heard of. */
  readonly latenciesMs: readonly number[]
  readonly names: readonly string[]
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { client, ends, spec, perBatch } = options
  const latenciesMs: number[] = []
  const names: string[] = []

  async function runBatch(): Promise<void> {
    const ids = Array.from({ length: perBatch }, (_, i) => `${options.prefix}-${names.length + i}`)
    names.push(...ids.map((id) => `jobs/${id}`))
    const receipts = Promise.all(ids.map((id) => ends.of(`jobs/${id}`)))
    const begun = performance.now()
    const requests = ids.map((jobId) => ({ jobId, spec }))
    const [{ results }, times] = await Promise.all([
      client.jobs.batchCreateJobs({ requests }),
      receipts,
    ])
    const refused = results.find((result) => result.errorCode !== '')
    if (refused) throw new Error(`job refused: ${refused.errorMessage}`)
    latenciesMs.push(...times.map((time) => time - begun))
  }
  async function runLane(): Promise<void> {
    while (names.length < options.jobs) await runBatch()
  }

  const begun = performance.now()
  await Promise.all(Array.from({ length: options.batchesInFlight }, runLane))
  const seconds = (performance.now() - begun) / 1000
  return { receiptsPerSecond: names.length / seconds, latenciesMs, names }
}

/** Fetches the receipts of jobs and verifies them. Throws unless each is genuine and says valid. */
export async function verifyReceipts(
  { receipts }: ApiClient,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const { receipt } = await receipts.getReceipt({ name })
    const options = { anchors: [simulatedAnchor], now: Date.now() }
    const { facts, failure } = await verifyReceipt(nodeCrypto, receipt, options)
    if (!facts) throw new Error(`receipt of ${name}: ${failure.message}`)
    const { verdict } = facts.statement.predicate.proof
    if (verdict !== 'valid') throw new Error(`receipt of ${name} says ${verdict}`)
  }
}

// Jobs over the example proof: making them, waiting for them, and what became
// of them.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { type Job, Job_State, type JobSpecSchema } from '@vorta/api'
import { exampleFiles, type Files, sha256 } from '@vorta/enclave/testkit/example'
import type { ApiClient } from '../../scripts/api-client.ts'

export const digestOf = (bytes: Uint8Array): string => `sha256:${sha256(bytes)}`

const finalStates: ReadonlySet<Job_State> = new Set([
  Job_State.SUCCEEDED,
  Job_State.FAILED,
  Job_State.CANCELLED,
  Job_State.EXPIRED,
])
/** Name of a job's state, such as `SUCCEEDED`. */
export const stateOf = ({ state }: Pick<Job, 'state'>): string =>
  Object.entries(Job_State).find(([, value]) => value === state)?.[0] ?? `${state}`

export const isFinal = ({ state }: Job): boolean => finalStates.has(state)

export async function upload(client: ApiClient, files: Files = exampleFiles): Promise<void> {
  for (const data of [files.verificationKey, files.publicInputs, files.proof])
    await client.artifacts.createArtifact({ digest: digestOf(data), data })
}

export type JobOptions = {
  readonly files?: Files
  readonly workers?: readonly string[]
  readonly timeoutMs?: number
  readonly maxAttempts?: number
  readonly epcBytes?: bigint
}

/** A spec of the example proof, which is valid, or of other files. */
export function specOf(options: JobOptions = {}): MessageInitShape<typeof JobSpecSchema> {
  const { files = exampleFiles, workers = [], timeoutMs = 120_000, maxAttempts = 20 } = options
  return {
    work: {
      case: 'proof',
      value: {
        system: 'groth16',
        curve: 'bn254',
        encoding: 'snarkjs',
        verificationKey: digestOf(files.verificationKey),
        publicInputs: digestOf(files.publicInputs),
        proof: digestOf(files.proof),
      },
    },
    resources: { memoryBytes: 1_048_576n, epcBytes: options.epcBytes ?? 1_048_576n },
    placement: { workers: [...workers] },
    timeout: durationFromMs(timeoutMs),
    retry: { maxAttempts },
  }
}

/** Creates a job and gives its name. */
export async function createJob(client: ApiClient, options: JobOptions = {}): Promise<string> {
  const { job } = await client.jobs.createJob({ spec: specOf(options) })
  if (!job) throw new Error('CreateJob answered without a job')
  return job.name
}

/** Waits until a job shows what is wanted. */
export async function jobWhen(
  client: ApiClient,
  name: string,
  wanted: (job: Job) => boolean,
  timeoutMs = 30_000,
): Promise<Job> {
  let last: Job | undefined
  // Not Connect's own timeout: its timer would live on after an early end of the stream.
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    for await (const { job } of client.jobs.watchJob({ name }, { signal })) {
      last = job ?? last
      if (job && wanted(job)) return job
    }
  } catch (cause) {
    const seen = last ? `${stateOf(last)}, attempt ${last.attempt}` : 'nothing'
    throw new Error(`${name} did not become what is wanted, but ${seen}`, { cause })
  }
  throw new Error(`${name} ended as ${last && stateOf(last)}: ${last?.errorMessage}`)
}

export const ended = (client: ApiClient, name: string, timeoutMs?: number): Promise<Job> =>
  jobWhen(client, name, isFinal, timeoutMs)

/** All jobs that match, page by page. */
export async function listJobs(client: ApiClient, filter = ''): Promise<Job[]> {
  const found: Job[] = []
  for (let pageToken = ''; ; ) {
    const page = await client.jobs.listJobs({ filter, pageToken, pageSize: 1000 })
    found.push(...page.jobs)
    pageToken = page.nextPageToken
    if (pageToken === '') return found
  }
}

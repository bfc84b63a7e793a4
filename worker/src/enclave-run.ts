// Hands a batch to the enclave: in one message, or in several where its
// artifacts would not fit into one.

import type { LogIdentity } from '@vorta/api'
import { fail, toBase64, toHex, VortaError } from '@vorta/core'
import { maxArtifactBytes, type Outcome, type RunMessage } from '@vorta/enclave'
import type { ArtifactCache } from './artifact-cache.ts'
import type { Gathered } from './artifact-gather.ts'
import type { Enclave } from './enclave-process.ts'
import type { Work } from './executor.ts'
import { ended, failedHere, running } from './updates.ts'

export type EnclaveRunOptions = {
  readonly batch: readonly Work[]
  readonly log: LogIdentity
  readonly gathered: Gathered
  readonly enclave: Enclave
  readonly cache: ArtifactCache
}

/** Ends every attempt of the batch. Never rejects. */
export async function runInEnclave(options: EnclaveRunOptions): Promise<void> {
  const { batch, log, gathered, enclave, cache } = options
  const ready = batch.filter((work) => {
    const fault = work.artifacts.map((digest) => gathered.get(digest)).find(isFault)
    if (fault) work.end(failedHere(fault))
    return work.open
  })

  async function runPart(part: Part): Promise<void> {
    const works = new Map(part.works.map((work) => [keyOf(work), work]))
    for (const work of part.works) work.tell(running)
    try {
      await enclave.run(messageOf(part, log), (outcomes) => {
        for (const outcome of outcomes)
          finish(works.get(`${outcome.job}/${outcome.number}`), outcome)
      })
      const silent = fail('ENCLAVE_FAILED', 'the enclave ended the batch without an outcome')
      for (const work of part.works) work.end(failedHere(silent))
    } catch (thrown) {
      for (const work of part.works) work.end(failedHere(thrown))
    }
  }

  function finish(work: Work | undefined, outcome: Outcome): void {
    if (!work) return
    // Bytes that went bad in the cache must not spoil the next attempt too.
    if (outcome.failure?.code === 'DIGEST_MISMATCH') work.artifacts.forEach(cache.remove)
    work.end(ended(outcome))
  }

  await Promise.all(partsOf(ready, gathered).map(runPart))
}

type Part = { readonly works: Work[]; readonly artifacts: Map<string, Uint8Array>; size: number }

/** Cuts a batch where the next attempt's artifacts would exceed the limit of a message. */
function partsOf(works: readonly Work[], gathered: Gathered): Part[] {
  const parts: Part[] = []
  for (const work of works) {
    let part = parts.at(-1)
    let added = lacking(work, part, gathered)
    if (!part || part.size + sizeOf(added) > maxArtifactBytes) {
      added = lacking(work, undefined, gathered)
      if (sizeOf(added) > maxArtifactBytes) {
        const text = `artifacts of one attempt: expected at most ${maxArtifactBytes} bytes`
        work.end(failedHere(fail('TOO_LARGE', text)))
        continue
      }
      part = { works: [], artifacts: new Map(), size: 0 }
      parts.push(part)
    }
    part.works.push(work)
    for (const [digest, bytes] of added) part.artifacts.set(digest, bytes)
    part.size += sizeOf(added)
  }
  return parts
}

function lacking(work: Work, part: Part | undefined, gathered: Gathered) {
  const added = new Map<string, Uint8Array>()
  for (const digest of work.artifacts) {
    const bytes = gathered.get(digest)
    if (bytes && !isFault(bytes) && !part?.artifacts.has(digest)) added.set(digest, bytes)
  }
  return added
}

const sizeOf = (artifacts: ReadonlyMap<string, Uint8Array>): number =>
  [...artifacts.values()].reduce((sum, bytes) => sum + bytes.length, 0)

const isFault = (value: Uint8Array | VortaError | undefined): value is VortaError =>
  value instanceof VortaError

const keyOf = ({ attempt }: Work): string => `${attempt.jobUid}/${attempt.number}`

const messageOf = ({ works, artifacts }: Part, log: LogIdentity): RunMessage => ({
  log: { origin: log.origin, key: log.key },
  attempts: works.map(({ attempt }) => ({
    job: { uid: attempt.jobUid, name: attempt.job },
    attempt: { number: attempt.number, token: toHex(attempt.token) },
    spec: toBase64(attempt.spec),
    ...(attempt.release.length > 0 && { release: toBase64(attempt.release) }),
  })),
  artifacts: Object.fromEntries([...artifacts].map(([digest, bytes]) => [digest, toBase64(bytes)])),
})

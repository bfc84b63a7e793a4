// Brings artifacts to the server: asks what is missing, sends small ones whole
// and large ones as a stream that can go on where it broke off.

import { create } from '@bufbuild/protobuf'
import {
  fromConnectError,
  type UploadArtifactRequest,
  UploadArtifactRequestSchema,
} from '@vorta/api'
import { concat } from '@vorta/core'
import type { Source } from './input.ts'
import { sizeText } from './messages.ts'
import { progress } from './progress.ts'
import { isDisconnect, type Server, untimed } from './server.ts'
import type { Ui } from './ui.ts'

// CreateArtifact's limit, and the largest chunk of UploadArtifact (artifact.proto).
const singleCallBytes = 2 * 2 ** 20
const chunkBytes = 2 ** 20

// StatArtifacts takes no more digests at once.
const statBatch = 1000

// Each try goes on where the one before ended, so few are needed.
const uploadTries = 4

/** Uploads what the server does not have. */
export async function upload(ui: Ui, server: Server, sources: readonly Source[]): Promise<void> {
  const byDigest = new Map(sources.map((source) => [source.digest, source]))
  const digests = [...byDigest.keys()]
  for (let at = 0; at < digests.length; at += statBatch) {
    const stats = await server.artifacts.statArtifacts({
      digests: digests.slice(at, at + statBatch),
    })
    for (const { digest, present } of stats.artifacts) {
      const source = byDigest.get(digest)
      if (!source || present) continue
      ui.step('Uploading', `${source.label}, ${sizeText(source.size)} (${digest.slice(0, 19)})`)
      if (source.size <= singleCallBytes) await createWhole(server, source)
      else await stream(ui, server, source)
    }
  }
}

async function createWhole(server: Server, source: Source): Promise<void> {
  const parts: Uint8Array[] = []
  for await (const part of source.read(0)) parts.push(part)
  await server.artifacts.createArtifact({ digest: source.digest, data: concat(...parts) })
}

async function stream(ui: Ui, server: Server, source: Source): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const stats = await server.artifacts.statArtifacts({ digests: [source.digest] })
    const known = stats.artifacts[0]
    if (known?.present) return
    const offset = Number(known?.sizeBytes ?? 0n)
    if (offset > 0) ui.step('Resuming', `${source.label} at ${sizeText(offset)}`)
    try {
      await server.artifacts.uploadArtifact(messages(ui, source, offset), untimed)
      return
    } catch (thrown) {
      if (attempt === uploadTries || !isWorthRetrying(thrown)) throw thrown
    }
  }
}

const isWorthRetrying = (thrown: unknown): boolean =>
  isDisconnect(thrown) || fromConnectError(thrown).code === 'OFFSET_MISMATCH'

async function* messages(
  ui: Ui,
  source: Source,
  offset: number,
): AsyncGenerator<UploadArtifactRequest> {
  const { digest, size } = source
  const message = (part: UploadArtifactRequest['part']) =>
    create(UploadArtifactRequestSchema, { part })
  yield message({
    case: 'header',
    value: {
      $typeName: 'vorta.v1.UploadArtifactRequest.Header',
      digest,
      sizeBytes: BigInt(size),
      offset: BigInt(offset),
    },
  })
  const bar = progress(ui, 'Uploading', size)
  let sent = offset
  try {
    for await (const part of source.read(offset)) {
      for (let at = 0; at < part.length; at += chunkBytes) {
        const value = part.subarray(at, at + chunkBytes)
        yield message({ case: 'chunk', value })
        sent += value.length
        bar.update(sent)
      }
    }
  } finally {
    bar.end()
  }
}

// ArtifactService: bytes under their SHA-256, in and out.

import type { ServiceImpl } from '@connectrpc/connect'
import type { ArtifactService, UploadArtifactRequest } from '@vorta/api'
import { digestPattern, fail } from '@vorta/core'
import type { ArtifactStore } from '../artifacts/artifact-store.ts'

const mostDigests = 1000
const largestInOneCall = 2 * 1024 * 1024

function requireDigests(digests: readonly string[], field: string): void {
  if (digests.length > mostDigests) {
    throw fail(
      'INVALID_ARGUMENT',
      `${field}: expected at most ${mostDigests}, got ${digests.length}`,
      { meta: { field } },
    )
  }
  for (const digest of digests) {
    if (!digestPattern.test(digest)) {
      throw fail(
        'INVALID_ARGUMENT',
        `${field}: expected sha256:<64 lower-case hex digits>, got ${JSON.stringify(digest.slice(0, 80))}`,
        {
          meta: { field },
        },
      )
    }
  }
}

export function artifactService(artifacts: ArtifactStore): ServiceImpl<typeof ArtifactService> {
  return {
    async statArtifacts({ digests }) {
      requireDigests(digests, 'digests')
      return { artifacts: (await artifacts.stat(digests)).map(message) }
    },

    async createArtifact({ digest, data }) {
      requireDigests([digest], 'digest')
      if (data.length > largestInOneCall) {
        throw fail(
          'TOO_LARGE',
          `data: expected at most ${largestInOneCall} bytes in one call, got ${data.length}`,
          {
            hints: ['stream it with UploadArtifact'],
          },
        )
      }
      await artifacts.put(digest, data)
      return { artifact: { digest, present: true, sizeBytes: BigInt(data.length) } }
    },

    async uploadArtifact(requests) {
      const stream = requests[Symbol.asyncIterator]()
      const first = await stream.next()
      const header = first.done ? undefined : first.value.part
      if (header?.case !== 'header') {
        throw fail('INVALID_ARGUMENT', 'upload: expected a header first', {
          meta: { field: 'header' },
        })
      }
      const { digest, sizeBytes, offset } = header.value
      requireDigests([digest], 'header.digest')
      await artifacts.upload(digest, Number(sizeBytes), Number(offset), chunks(stream))
      return { artifact: { digest, present: true, sizeBytes } }
    },

    async *downloadArtifacts({ digests, offset }) {
      requireDigests(digests, 'digests')
      let from = Number(offset)
      for (const digest of digests) {
        for await (const chunk of artifacts.read(digest, from))
          yield { digest, ...chunk, offset: BigInt(chunk.offset) }
        from = 0
      }
    },
  }
}

const message = ({
  digest,
  present,
  size,
}: {
  digest: string
  present: boolean
  size: number
}) => ({
  digest,
  present,
  sizeBytes: BigInt(size),
})

async function* chunks(stream: AsyncIterator<UploadArtifactRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await stream.next(); !next.done; next = await stream.next()) {
    const { part } = next.value
    if (part.case !== 'chunk')
      throw fail('INVALID_ARGUMENT', 'upload: expected a chunk after the header')
    yield part.value
  }
}

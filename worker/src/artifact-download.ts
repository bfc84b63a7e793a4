// Fetches artifacts from the mainframe, on a connection of its own, with the
// token of the present session. Nothing that arrives is believed here: the
// cache and the enclave hash it.

import { createClient, type Interceptor } from '@connectrpc/connect'
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { ArtifactService, fromConnectError } from '@vorta/api'
import { concat, fail } from '@vorta/core'
import { maxArtifactBytes } from '@vorta/enclave'

/** What one call may name (artifact.proto). */
const maxDigests = 1000

export type ArtifactDownload = {
  /**
   * Hands over each artifact when it is whole; `digests` are 64 hex digits.
   * Throws the mainframe's code, TOO_LARGE, or DIGEST_MISMATCH for an artifact nobody asked for.
   */
  readonly fetch: (
    digests: readonly string[],
    signal: AbortSignal,
    onArtifact: (digest: string, bytes: Uint8Array) => Promise<void>,
  ) => Promise<void>
  readonly close: () => void
}

export type DownloadOptions = {
  readonly endpoint: string
  readonly ca: string | undefined
  readonly sessionToken: string
}

export function openArtifactDownload(options: DownloadOptions): ArtifactDownload {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('Authorization', `Bearer ${options.sessionToken}`)
    return next(request)
  }
  const nodeOptions = options.ca === undefined ? {} : { ca: options.ca }
  const sessionManager = new Http2SessionManager(options.endpoint, {}, nodeOptions)
  const transport = createConnectTransport({
    baseUrl: options.endpoint,
    httpVersion: '2',
    interceptors: [authorize],
    sessionManager,
  })
  const client = createClient(ArtifactService, transport)

  return {
    async fetch(digests, signal, onArtifact) {
      const missing = new Set(digests)
      for (let at = 0; at < digests.length; at += maxDigests) {
        const asked = digests.slice(at, at + maxDigests).map((digest) => `sha256:${digest}`)
        let parts: Uint8Array[] = []
        let size = 0
        try {
          for await (const chunk of client.downloadArtifacts({ digests: asked }, { signal })) {
            const digest = chunk.digest.slice('sha256:'.length)
            if (!missing.has(digest) || Number(chunk.offset) !== size) {
              throw fail('DIGEST_MISMATCH', `download: ${chunk.digest} came out of order`)
            }
            size += chunk.data.length
            if (size > maxArtifactBytes) throw tooLarge(chunk.digest)
            parts.push(chunk.data)
            if (!chunk.last) continue
            missing.delete(digest)
            await onArtifact(digest, concat(...parts))
            parts = []
            size = 0
          }
        } catch (thrown) {
          throw fromConnectError(thrown)
        }
      }
    },
    close: () => sessionManager.abort(),
  }
}

const tooLarge = (digest: string) =>
  fail('TOO_LARGE', `${digest}: expected at most ${maxArtifactBytes} bytes for an enclave`)

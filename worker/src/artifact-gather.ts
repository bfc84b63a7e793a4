// Brings the artifacts of one batch together: those sent along, those in the
// cache, and in one download what is missing. Holds them itself, so that the
// cache may evict what it likes meanwhile.

import { fail, VortaError } from '@vorta/core'
import type { ArtifactCache } from './artifact-cache.ts'
import type { ArtifactDownload } from './artifact-download.ts'

/** For each digest (64 hex digits) its bytes, or why they are not there. */
export type Gathered = ReadonlyMap<string, Uint8Array | VortaError>

export type GatherOptions = {
  readonly needed: ReadonlySet<string>
  readonly inline: readonly { readonly digest: string; readonly data: Uint8Array }[]
  readonly cache: ArtifactCache
  readonly download: ArtifactDownload
  readonly signal: AbortSignal
}

/** Never rejects. */
export async function gatherArtifacts(options: GatherOptions): Promise<Gathered> {
  const { needed, inline, cache, download, signal } = options
  const gathered = new Map<string, Uint8Array | VortaError>()

  async function take(digest: string, bytes: Uint8Array): Promise<void> {
    try {
      await cache.put(digest, bytes)
      gathered.set(digest, bytes)
    } catch (thrown) {
      gathered.set(digest, VortaError.from(thrown))
    }
  }

  await Promise.all(inline.map(({ digest, data }) => take(bare(digest), data)))
  for (const digest of needed) {
    if (gathered.has(digest)) continue
    const bytes = await cache.get(digest)
    if (bytes) gathered.set(digest, bytes)
  }

  const missing = [...needed].filter((digest) => !gathered.has(digest))
  if (missing.length === 0) return gathered
  let why = fail('ARTIFACT_NOT_FOUND', 'the mainframe did not send it') as VortaError
  try {
    await download.fetch(missing, signal, take)
  } catch (thrown) {
    why = VortaError.from(thrown)
  }
  for (const digest of missing) if (!gathered.has(digest)) gathered.set(digest, why)
  return gathered
}

/** `sha256:<hex>` without its prefix. */
export const bare = (digest: string): string => digest.replace(/^sha256:/, '')

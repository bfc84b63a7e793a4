// KeyReleaseService: carries evidence to the requester and the release back.

import type { ServiceImpl } from '@connectrpc/connect'
import type { KeyReleaseService } from '@vorta/api'
import { idIn } from '@vorta/api/server/names'
import { fail } from '@vorta/core'
import type { KeyReleases } from '../jobs/key-releases.ts'

const nonceBytes = 32

export const keyReleaseService = (
  releases: KeyReleases,
): ServiceImpl<typeof KeyReleaseService> => ({
  challengeEnclave: async ({ job: name, nonce }) => {
    if (nonce.length !== nonceBytes) {
      throw fail('INVALID_ARGUMENT', `nonce: expected 32 bytes, got ${nonce.length}`, {
        meta: { field: 'nonce' },
      })
    }
    const { job, worker, evidence } = await releases.challenge(idIn('jobs', name, 'job'), nonce)
    const { uid, specSha256, attempt } = job.record
    return { jobUid: uid, specSha256, attempt, worker: `workers/${worker}`, evidence }
  },

  releaseKey: async ({ job: name, release }) => {
    const { sha256, index } = await releases.release(idIn('jobs', name, 'job'), release)
    return { releaseSha256: sha256, logIndex: BigInt(index) }
  },
})

// AttestationService of the API over the service: what a process of its own and
// the mainframe have in common.

import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { ServiceImpl } from '@connectrpc/connect'
import type { AttestationService } from '@vorta/api'
import { idIn } from '@vorta/api/server/names'
import { type PageTokens, pageSize } from '@vorta/api/server/paging'
import { fail } from '@vorta/core'
import { readNonce } from './challenges.ts'
import { appraisalMessage } from './messages.ts'
import { readPresented } from './presented.ts'
import type { AppraisalService } from './service.ts'
import type { StoredAppraisal } from './store/appraisal-store.ts'

/** Everything but GetEvidence, which is about the workers of a cluster. */
export type AppraisalMethods = Omit<ServiceImpl<typeof AttestationService>, 'getEvidence'>

export function appraisalMethods(service: AppraisalService, tokens: PageTokens): AppraisalMethods {
  const { store, policies } = service
  const answer = ({ appraisal, ear }: StoredAppraisal) => ({
    appraisal: appraisalMessage(appraisal),
    ear,
  })
  return {
    createChallenge: () => {
      const { nonce, expiresAt } = service.challenge()
      return { nonce, expireTime: timestampFromMs(expiresAt) }
    },

    async appraiseEvidence(request) {
      const { policy } = request
      const presented = readPresented(request)
      const issued = readNonce('nonce', request.nonce)
      const own = readNonce('own_nonce', request.ownNonce)
      if (issued !== undefined && own !== undefined) {
        throw fail('INVALID_ARGUMENT', 'nonce: expected either nonce or own_nonce', {
          meta: { field: 'nonce' },
        })
      }
      return answer(
        own === undefined
          ? await service.answer({ presented, policy, ...(issued && { nonce: issued }) })
          : await service.appraise({ presented, policy, nonce: own }),
      )
    },

    getAppraisal: ({ name }) => {
      const found = store.get(idIn('appraisals', name))
      if (!found) throw fail('APPRAISAL_NOT_FOUND', `${name} does not exist`)
      return answer(found)
    },

    listAppraisals: ({ pageSize: asked, pageToken }) => {
      const page = store.list(pageSize(asked), tokens.open('appraisals', pageToken))
      return {
        appraisals: page.items.map(appraisalMessage),
        nextPageToken: tokens.seal('appraisals', page.next),
      }
    },

    listAppraisalPolicies: () => ({
      policies: policies.all.map(({ name, id, policy }) => ({
        name,
        policyId: id,
        simulated: policy.simulated,
      })),
    }),
  }
}

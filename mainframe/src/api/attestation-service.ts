// AttestationService: the evidence behind the workers, and appraisal for others.

import type { ServiceImpl } from '@connectrpc/connect'
import type { AttestationService } from '@vorta/api'
import { fail } from '@vorta/core'
import type { Appraisal, Appraiser } from '../attestation/appraiser.ts'
import { readEvidence } from '../attestation/appraiser.ts'
import type { EvidenceRecord } from '../records.ts'
import type { Store } from '../store/store.ts'
import { appraisalMessage } from './messages.ts'
import { idIn } from './names.ts'
import { type PageTokens, pageSize } from './paging.ts'

export type AttestationServiceDeps = {
  readonly store: Store
  readonly appraiser: Appraiser
  readonly tokens: PageTokens
}

const appraisalOf = (record: EvidenceRecord) => {
  const appraisal: Appraisal = JSON.parse(record.appraisal)
  return appraisalMessage(appraisal, record.worker)
}

export function attestationService(
  deps: AttestationServiceDeps,
): ServiceImpl<typeof AttestationService> {
  const { store, appraiser, tokens } = deps
  return {
    async getEvidence({ name }) {
      const record = await store.evidence(idIn('attestations', name))
      if (!record) throw fail('RECEIPT_NOT_FOUND', `${name} does not exist`)
      return { evidence: record.evidence, appraisal: appraisalOf(record) }
    },

    async listAppraisals({ pageSize: asked, pageToken }) {
      const page = await store.appraisals(pageSize(asked), tokens.open('appraisals', pageToken))
      return {
        appraisals: page.items.map(appraisalOf),
        nextPageToken: tokens.seal('appraisals', page.next),
      }
    },

    async appraiseEvidence({ evidence }) {
      const { appraisal } = await appraiser.appraise(readEvidence(evidence))
      return { appraisal: appraisalMessage(appraisal) }
    },
  }
}

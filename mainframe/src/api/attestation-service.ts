// AttestationService: the appraisals of the attestation service, inside or
// elsewhere, and the evidence behind the workers.

import type { ServiceImpl } from '@connectrpc/connect'
import type { AttestationService } from '@vorta/api'
import { idIn } from '@vorta/api/server/names'
import { type Appraisal, type AppraisalMethods, appraisalMessage } from '@vorta/attestation-service'
import { fail } from '@vorta/core'
import type { EvidenceRecord } from '../records.ts'
import type { Store } from '../store/store.ts'

/** What rows have not that were written before results were kept. */
const older = { id: '', policy: '', policyId: '', notChecked: [], claims: [] } as const

function appraisalOf({ worker, appraisal }: EvidenceRecord) {
  const stored: Appraisal = { ...older, subject: `workers/${worker}`, ...JSON.parse(appraisal) }
  return appraisalMessage(stored)
}

export const attestationService = (
  store: Pick<Store, 'evidence'>,
  methods: AppraisalMethods,
): ServiceImpl<typeof AttestationService> => ({
  ...methods,

  async getEvidence({ name }) {
    const record = await store.evidence(idIn('attestations', name))
    if (!record) throw fail('EVIDENCE_NOT_FOUND', `${name} does not exist`)
    return { evidence: record.evidence, appraisal: appraisalOf(record) }
  },
})

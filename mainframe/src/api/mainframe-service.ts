// MainframeService: what the mainframe can prove of itself, to anybody.

import type { ServiceImpl } from '@connectrpc/connect'
import type { MainframeService } from '@vorta/api'
import { VortaError } from '@vorta/core'
import type { SelfEvidence } from '../attestation/self-evidence.ts'
import { codeLabel, type Metrics } from '../metrics.ts'

export const mainframeService = (
  selfEvidence: SelfEvidence,
  log: { readonly size: () => number; readonly checkpoint: () => Promise<string> },
  metrics: Pick<Metrics, 'ownEvidence'>,
): ServiceImpl<typeof MainframeService> => ({
  async getMainframeEvidence({ nonce }) {
    try {
      const evidence = await selfEvidence(nonce)
      metrics.ownEvidence.inc({ code: 'OK' })
      return { evidence, checkpoint: log.size() === 0 ? '' : await log.checkpoint() }
    } catch (thrown) {
      metrics.ownEvidence.inc({ code: codeLabel(VortaError.from(thrown).code) })
      throw thrown
    }
  },
})

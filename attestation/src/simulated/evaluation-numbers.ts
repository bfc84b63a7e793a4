// The TCB evaluation numbers of the simulated PKI, as Intel's service signs them.
// Node only: it signs.

import { toHex, toRfc3339, utf8 } from '@vorta/core'
import type { Evaluation } from '../evaluation-numbers.ts'
import { signRaw } from './keys.ts'
import { pem, rootCertificate, tcbSigner, tcbSignerCertificate } from './pki.ts'

const day = 24 * 3_600_000

/** Body and chain of an answer to `tcbevaluationdatanumbers`. */
export function simulatedEvaluationNumbers(
  now: number,
  tee: 'sgx' | 'tdx',
  evaluations: readonly Evaluation[],
) {
  const issued = Math.floor(now / 1000) * 1000
  const text = JSON.stringify({
    id: tee.toUpperCase(),
    version: 1,
    issueDate: toRfc3339(issued),
    nextUpdate: toRfc3339(issued + 30 * day),
    tcbEvalNumbers: evaluations.map(({ number, recoveryEventAt, tcbDate }) => ({
      tcbEvaluationDataNumber: number,
      tcbRecoveryEventDate: toRfc3339(recoveryEventAt),
      tcbDate: toRfc3339(tcbDate),
    })),
  })
  const signature = toHex(signRaw(tcbSigner.key, utf8(text)))
  return {
    body: `{"tcbEvaluationDataNumbers":${text},"signature":"${signature}"}`,
    chain: pem(tcbSignerCertificate, rootCertificate),
  }
}

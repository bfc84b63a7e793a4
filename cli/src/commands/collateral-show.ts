// `collateral show FILE`: what a file of collateral is about.

import type { BundleEntry } from '@vorta/attestation/collateral-service/bundle'
import { peekCollateral } from '@vorta/attestation/verify-collateral'
import { toRfc3339 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { readCollateralFile } from '../collateral.ts'
import { command as define, listOptions } from '../command.ts'
import { lengthText } from '../messages.ts'
import { type ListView, printList } from '../output.ts'
import { momentOf, trustOptions } from '../trust.ts'

export const command = define({
  summary: 'show what collateral is about',
  description:
    'Reads one set of collateral or a bundle, and verifies nothing: that is `collateral verify`.',
  options: { at: trustOptions.at, ...listOptions },
  arguments: [{ name: 'file', summary: 'collateral in JSON', completes: 'file' }],
  examples: ['collateral show collateral.json', 'collateral show bundle.json -o json'],
  run: async (ui, values, [path]) => {
    const now = momentOf(ui.io, values.at)
    const entries = await readCollateralFile(ui.io, path!)
    printList(ui, values, view(now), entries.map(describe))
    return 0
  },
})

function describe({ update, collateral }: BundleEntry) {
  const { tee, ca, tcbInfo, qeIdentity, revokedPlatforms, expires } = peekCollateral(
    nodeCrypto,
    collateral,
  )
  return {
    tee,
    fmspc: tcbInfo.fmspc,
    ca,
    update: String(update),
    tcbInfoEvaluation: tcbInfo.evaluationNumber,
    qeIdentityEvaluation: qeIdentity.evaluationNumber,
    tcbInfoIssued: toRfc3339(tcbInfo.issueDate),
    qeIdentityIssued: toRfc3339(qeIdentity.issueDate),
    revokedPlatforms,
    expires: toRfc3339(expires),
  }
}

type Row = ReturnType<typeof describe>

const view = (now: number): ListView<Row> => ({
  name: ({ tee, fmspc, ca, update }) => `${tee}-${fmspc}-${ca}-${update}`,
  columns: [
    { header: 'TEE', cell: ({ tee }) => tee },
    { header: 'FMSPC', cell: ({ fmspc }) => fmspc },
    { header: 'CA', cell: ({ ca }) => ca },
    { header: 'UPDATE', cell: ({ update }) => update },
    { header: 'EVALUATION', cell: (row) => String(row.tcbInfoEvaluation), right: true },
    { header: 'ISSUED', cell: ({ tcbInfoIssued }) => tcbInfoIssued },
    { header: 'EXPIRES', cell: ({ expires }) => expires },
    { header: 'LEFT', cell: (row) => left(row, now), right: true },
    { header: 'QE ISSUED', cell: ({ qeIdentityIssued }) => qeIdentityIssued, wide: true },
    { header: 'REVOKED', cell: (row) => String(row.revokedPlatforms), right: true, wide: true },
  ],
  json: (row) => row,
  empty: 'the bundle is empty',
})

const left = ({ expires }: Row, now: number): string =>
  Date.parse(expires) > now ? lengthText(Date.parse(expires) - now) : 'expired'

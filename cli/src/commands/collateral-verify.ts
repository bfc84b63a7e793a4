// `collateral verify FILE`: is every document genuine and in force?

import { docsUrl, exitCodes } from '@vorta/api/errors'
import type { BundleEntry } from '@vorta/attestation/collateral-service/bundle'
import { toRfc3339, VortaError } from '@vorta/core'
import { factsOf, readCollateralFile, verifyAllowed } from '../collateral.ts'
import { command as define, verdictOptions } from '../command.ts'
import { anchorsOf, momentOf, trustOptions } from '../trust.ts'
import type { Paint } from '../ui.ts'
import { simulatedNotice } from '../verdicts.ts'

export const command = define({
  summary: 'verify collateral, offline',
  description: `Signatures, chains, CRLs and dates, as a quote judged by it would meet them. Exit code 5 if any set
is refused, or is SIMULATED without --allow-simulated.`,
  options: { ...trustOptions, ...verdictOptions },
  arguments: [
    { name: 'file', summary: 'collateral in JSON: one set or a bundle', completes: 'file' },
  ],
  examples: ['collateral verify collateral.json', 'collateral verify bundle.json --at 1780272000'],
  run: async (ui, values, [path]) => {
    const now = momentOf(ui.io, values.at)
    const anchors = await anchorsOf(ui.io, values.root)
    const verify = async ({ update, collateral }: BundleEntry) => {
      try {
        const allowed = values['allow-simulated']
        const verified = await verifyAllowed(collateral, anchors, now, allowed)
        return { outcome: 'verified', update, ...factsOf(verified), rejectCode: null } as const
      } catch (thrown) {
        const { code, message } = VortaError.from(thrown)
        return { outcome: 'rejected', update, rejectCode: code, rejectDetail: message } as const
      }
    }
    const results = await Promise.all((await readCollateralFile(ui.io, path!)).map(verify))
    const isJson = values.json || values.format === 'json'
    if (isJson) ui.print(JSON.stringify(results.map(plain), null, 2))
    else for (const result of results) ui.print(text(ui.paint, result))
    const refused = results.find(({ outcome }) => outcome === 'rejected')
    if (!refused) return exitCodes.ok
    ui.docs(docsUrl(refused.rejectCode ?? ''))
    return exitCodes.verification
  },
})

type Result =
  | ({ readonly outcome: 'verified'; readonly rejectCode: null } & Pick<BundleEntry, 'update'> &
      ReturnType<typeof factsOf>)
  | ({
      readonly outcome: 'rejected'
      readonly rejectCode: string
      readonly rejectDetail: string
    } & Pick<BundleEntry, 'update'>)

const plain = (result: Result) =>
  result.outcome === 'rejected'
    ? result
    : { ...result, issued: toRfc3339(result.issued), expires: toRfc3339(result.expires) }

function text(paint: Paint, result: Result): string {
  if (result.outcome === 'rejected') {
    return `${paint('failed', '✗ REJECTED')} ${result.rejectCode}: ${result.rejectDetail}`
  }
  const { tee, fmspc, ca, update, tcbEvaluationDataNumber, root, expires } = result
  const about = `${tee}-${fmspc}-${ca}-${update}, evaluation ${tcbEvaluationDataNumber}`
  const line = `${paint('good', '✓ VERIFIED')} ${about}, until ${toRfc3339(expires)}, under ${root}`
  return result.simulated ? `${simulatedNotice(paint)}\n${line}` : line
}

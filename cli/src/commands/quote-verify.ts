// `quote verify FILE`: is the quote genuine, and does the policy accept it?
// Offline: the collateral comes from a file.

import { docsUrl, exitCodes } from '@vorta/api/errors'
import { fail } from '@vorta/core'
import { command as define, type Options } from '../command.ts'
import type { Io } from '../io.ts'
import { batchLayout } from '../quote-batch.ts'
import { verifyFolder } from '../quote-folder.ts'
import { quoteText } from '../quote-text.ts'
import {
  isRefused,
  missingCollateral,
  refusedFile,
  type Settings,
  verdictOn,
} from '../quote-verdict.ts'
import { readCollateral, readQuote } from '../quotes.ts'
import { anchorsOf, momentOf, readPolicy, trustOptions } from '../trust.ts'
import type { Ui } from '../ui.ts'
import { verdictJson, verdictLine } from '../verdicts.ts'

const options = {
  collateral: {
    type: 'string',
    value: 'FILE',
    summary: "JSON with the fields of Intel's quote collateral, unless it stands beside the quote",
  },
  policy: {
    type: 'string',
    value: 'FILE',
    summary: 'attestation policy in YAML or JSON; without one a quote is verified only',
  },
  batch: { type: 'string', value: 'DIR', summary: 'verify every quote of a folder instead' },
  ...trustOptions,
  format: {
    type: 'string',
    short: 'o',
    value: 'FORMAT',
    choices: ['text', 'json', 'jsonl'],
    summary: 'form of the output',
  },
  json: { type: 'boolean', summary: 'the same as -o json' },
} as const satisfies Options

export const command = define({
  summary: 'verify an attestation quote, offline',
  description: `Whether it is genuine, and whether a --policy accepts it, are two answers. Exit code 5 if it is not
genuine, if the policy refuses it, or if it is SIMULATED without --allow-simulated; with --batch if
that is so of any case.

${batchLayout}`,
  options,
  arguments: [
    { name: 'file', summary: 'quote: raw, hex, base64 or JSON', optional: true, completes: 'file' },
  ],
  examples: [
    'quote verify quote.bin --collateral collateral.json --at 1780272000 -o json',
    'quote verify --batch quotes/ -o jsonl',
  ],
  run: async (ui, values, [path]) => {
    const settings = await readSettings(ui.io, values)
    const format = values.json ? 'json' : (values.format ?? 'text')
    if (values.batch !== undefined) {
      if (path !== undefined || values.collateral !== undefined) {
        throw fail('USAGE', 'option --batch takes neither a file nor --collateral')
      }
      return verifyFolder(ui, values.batch, settings, format)
    }
    if (path === undefined) throw fail('USAGE', 'argument FILE is missing')
    return verifyFile(ui, path, values.collateral, settings, format)
  },
})

type Given = {
  readonly at?: string
  readonly root?: string
  readonly policy?: string
  readonly 'allow-simulated'?: true
}

async function readSettings(io: Io, values: Given): Promise<Settings> {
  const { at, root, policy, 'allow-simulated': allow } = values
  return {
    anchors: await anchorsOf(io, root),
    allowSimulated: allow ?? false,
    ...(policy !== undefined && { policy: (await readPolicy(io, policy, allow)).attestation }),
    ...(at !== undefined && { moment: momentOf(io, at) }),
  }
}

async function verifyFile(
  ui: Ui,
  path: string,
  collateralPath: string | undefined,
  settings: Settings,
  format: string,
): Promise<number> {
  const now = settings.moment ?? ui.io.now()
  const verdict = await refusedFile(now, async () => {
    const file = await readQuote(ui.io, path)
    const collateral =
      collateralPath === undefined ? file.collateral : await readCollateral(ui.io, collateralPath)
    if (collateral === undefined) throw missingCollateral()
    return verdictOn({ ...file, collateral }, settings, now)
  })
  if (format === 'text') ui.print(quoteText(ui.paint, path, verdict))
  else ui.print(format === 'json' ? verdictJson(verdict) : verdictLine(verdict))
  if (verdict.rejectCode !== null) ui.docs(docsUrl(verdict.rejectCode))
  return isRefused(verdict) ? exitCodes.verification : exitCodes.ok
}

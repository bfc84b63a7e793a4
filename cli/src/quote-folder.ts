// `quote verify --batch`: one verdict for each case of a folder, in the order of
// their names.

import { exitCodeOf, exitCodes } from '@vorta/api/errors'
import { VerifierMemory } from '@vorta/attestation'
import { VortaError } from '@vorta/core'
import { batchCases } from './quote-batch.ts'
import { isRefused, type QuoteVerdict, type Settings, verdictOn } from './quote-verdict.ts'
import type { Ui } from './ui.ts'
import { verdictJson, verdictLine } from './verdicts.ts'

/** Gives the exit code. Throws FILE_UNREADABLE where there is no such folder. */
export async function verifyFolder(
  ui: Ui,
  folder: string,
  settings: Settings,
  format: string,
): Promise<number> {
  const memory = new VerifierMemory()
  const verdicts: object[] = []
  let exit: number = exitCodes.ok
  for (const { file, read } of await batchCases(ui.io, folder)) {
    const verdict = await readable(file, async () => {
      const found = await read()
      if (!found) return undefined
      const now = settings.moment ?? found.moment ?? ui.io.now()
      return verdictOn(found, settings, now, memory)
    })
    if (!verdict) continue
    const line = { file, ...verdict }
    if (format === 'json') verdicts.push(line)
    else ui.print(format === 'jsonl' ? verdictLine(line) : caseText(ui, line))
    // A refusal is what a script has to see first, whatever else could not be read.
    if (verdict.outcome === 'unreadable') exit ||= exitCodeOf(verdict.rejectCode)
    else if (isRefused(verdict)) exit = exitCodes.verification
  }
  if (format === 'json') ui.print(verdictJson(verdicts))
  return exit
}

type Unreadable = {
  readonly outcome: 'unreadable'
  readonly rejectCode: string
  readonly rejectDetail: string
}

/** One file that cannot be read does not keep the others from being verified. */
async function readable<T>(file: string, run: () => Promise<T>): Promise<T | Unreadable> {
  try {
    return await run()
  } catch (thrown) {
    const { code, message } = VortaError.from(thrown)
    return { outcome: 'unreadable', rejectCode: code, rejectDetail: `${file}: ${message}` }
  }
}

function caseText({ paint }: Ui, line: { readonly file: string } & (QuoteVerdict | Unreadable)) {
  if (line.outcome === 'unreadable')
    return `${paint('failed', '✗ UNREADABLE')} ${line.rejectDetail}`
  const { file, outcome, simulated, status, accepted } = line
  if (outcome === 'rejected') return `${paint('failed', '✗ REJECTED')} ${file} ${line.rejectCode}`
  const word = simulated ? paint('simulated', ' SIMULATED') : ''
  const policy = accepted === false ? ', not accepted by the policy' : ''
  return `${paint('good', '✓ GENUINE')}${word} ${file} ${status}${policy}`
}

// `doctor`: what works here, what does not, and what to do about it.

import { exitCodes } from '@vorta/api/errors'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import { explain } from '../doctor/dcap-codes.ts'
import { examine, isNeeded, isWanting } from '../doctor/examine.ts'
import type { Finding, Status } from '../doctor/finding.ts'
import { details } from '../output.ts'
import type { Tone, Ui } from '../ui.ts'

const tones = {
  ok: 'good',
  warn: 'attention',
  fail: 'failed',
  absent: 'dim',
} as const satisfies Record<Status, Tone>

export const command = define({
  summary: 'check this machine and the connection to the mainframe',
  description: `Missing hardware is no fault: what needs it is SIMULATED. Exit code 1 if something fails; with --for,
if something fails or is absent that this kind of enclave needs. --explain says what a code means: of
doctor, of Intel's quote libraries (0xe019), or of AESM (44).`,
  options: {
    for: {
      type: 'string',
      value: 'KIND',
      choices: ['gramine', 'dstack', 'simulated'],
      summary: 'the kind of enclave this machine is to run',
    },
    explain: { type: 'string', value: 'CODE', summary: 'say what a code means and what to do' },
    platform: {
      type: 'string',
      value: 'CSV',
      summary: 'file of PCKIDRetrievalTool: ask the PCCS for this platform',
    },
    root: {
      type: 'string',
      value: 'FOLDER',
      summary: 'look at the machine whose file system is mounted here (default /)',
    },
    ...verdictOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: ['doctor', 'doctor --for gramine -o json', 'doctor --explain 0xe019'],
  run: async (ui, values) => {
    const isJson = values.json || values.format === 'json'
    if (values.explain !== undefined) {
      explainCode(ui, values.explain, isJson ?? false)
      return exitCodes.ok
    }
    const findings = await examine(ui, values, values.root ?? '/', values.platform)
    if (isJson) ui.print(JSON.stringify(findings, null, 2))
    else {
      const width = Math.max(...findings.map(({ name }) => name.length))
      for (const finding of findings) {
        printFinding(ui, finding, width, isNeeded(finding, values.for))
      }
    }
    return isWanting(findings, values.for) ? exitCodes.failed : exitCodes.ok
  },
})

const statusWidth = 'absent'.length

function printFinding(ui: Ui, finding: Finding, width: number, isNeeded: boolean): void {
  const { name, status, code, detail, remedy } = finding
  const word = ui.paint(tones[status], status.toUpperCase().padEnd(statusWidth))
  ui.print(`${word}  ${name.padEnd(width)}  ${detail}${code === null ? '' : ` (${code})`}`)
  if (remedy !== null && (status !== 'absent' || isNeeded)) {
    ui.print(`${' '.repeat(statusWidth + width + 4)}${ui.paint('dim', `remedy: ${remedy}`)}`)
  }
}

function explainCode(ui: Ui, text: string, isJson: boolean): void {
  const { code, name, meaning, fix } = explain(text)
  if (isJson) ui.print(JSON.stringify({ code, name, meaning, fix }, null, 2))
  else {
    const called: readonly [string, string] = ['name', name === code ? '' : name]
    ui.print(details(ui.paint, [['code', code], called, ['meaning', meaning], ['remedy', fix]]))
  }
}

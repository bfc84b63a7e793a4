// `doctor`: what works here, what does not, and what to do about it.

import { exitCodes } from '@vorta/api/errors'
import { examine, type Status } from '../checks.ts'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import type { Tone } from '../ui.ts'

const tones = {
  PASS: 'good',
  WARN: 'attention',
  FAIL: 'failed',
  SKIP: 'dim',
} as const satisfies Record<Status, Tone>

export const command = define({
  summary: 'check this machine and the connection to the mainframe',
  description:
    'Missing hardware is a warning: what needs it is SIMULATED. Exit code 1 on any FAIL.',
  options: { ...verdictOptions, ...connectionOptions },
  arguments: [],
  examples: ['doctor', 'doctor -o json'],
  run: async (ui, values) => {
    const findings = await examine(ui, values)
    if (values.json || values.format === 'json') ui.print(JSON.stringify(findings, null, 2))
    else {
      const width = Math.max(...findings.map(({ name }) => name.length))
      for (const { name, status, detail, remedy } of findings) {
        ui.print(`${ui.paint(tones[status], status)}  ${name.padEnd(width)}  ${detail}`)
        if (remedy !== undefined && status !== 'PASS') {
          ui.print(`${' '.repeat(width + 8)}${ui.paint('dim', `remedy: ${remedy}`)}`)
        }
      }
    }
    return findings.some(({ status }) => status === 'FAIL') ? exitCodes.failed : exitCodes.ok
  },
})

// `version`: of this program and of what runs it.

import { readFileSync } from 'node:fs'
import { command as define } from '../command.ts'

/** Version of this installation. */
export const version: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version

export const command = define({
  summary: 'print the version',
  options: {},
  arguments: [],
  examples: ['version'],
  run: async (ui) => {
    ui.print(`vorta-cli ${version} (node ${process.version})`)
    return 0
  },
})

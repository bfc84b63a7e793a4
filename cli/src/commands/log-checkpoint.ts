// `log checkpoint`: fetches the newest checkpoint, as it is.

import { utf8 } from '@vorta/core'
import { connectionOptions, command as define } from '../command.ts'
import { writeOutput } from '../output-file.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'fetch the newest checkpoint of the log, unverified',
  options: {
    out: { type: 'string', short: 'O', value: 'FILE', summary: 'where to (default stdout)' },
    ...connectionOptions,
  },
  arguments: [],
  examples: ['log checkpoint -O checkpoint.txt'],
  run: async (ui, values) => {
    const { checkpoint, key } = await withServer(ui, values, ({ log }) => log.getCheckpoint({}))
    await writeOutput(ui, values.out ?? '-', utf8(checkpoint))
    ui.say(`key, by the server's word: ${key}`)
    ui.say('next: vorta-cli log verify')
    return 0
  },
})

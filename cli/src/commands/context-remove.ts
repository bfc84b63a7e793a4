// `context remove NAME`: from the user's own file; a project's file is the project's.

import { fail } from '@vorta/core'
import { command as define } from '../command.ts'
import { contextNamed, loadContexts, updateUserFile, userFile } from '../contexts.ts'

export const command = define({
  summary: 'forget a context',
  options: {},
  arguments: [{ name: 'name', summary: 'context', completes: 'context' }],
  examples: ['context remove prod'],
  run: async (ui, _, [name]) => {
    const { source } = contextNamed(loadContexts(ui.io), name!)
    if (source !== userFile(ui.io)) {
      throw fail('USAGE', `context ${name} is defined in ${source}`, {
        hints: ['remove it there'],
      })
    }
    updateUserFile(ui.io, ({ current, contexts }) => {
      const { [name!]: _, ...rest } = contexts
      return { ...(current === name || current === undefined ? {} : { current }), contexts: rest }
    })
    ui.say(`Removed context ${name}`)
    ui.say('next: vorta-cli context list')
    return 0
  },
})

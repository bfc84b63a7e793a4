// `context use NAME`.

import { command as define } from '../command.ts'
import { contextNamed, loadContexts, projectFile, updateUserFile } from '../contexts.ts'

export const command = define({
  summary: 'make a context the current one',
  options: {},
  arguments: [{ name: 'name', summary: 'context', completes: 'context' }],
  examples: ['context use prod'],
  run: async (ui, _, [name]) => {
    contextNamed(loadContexts(ui.io), name!)
    updateUserFile(ui.io, (file) => ({ ...file, current: name! }))
    ui.say(`Now using context ${name}`)
    const { current } = loadContexts(ui.io)
    if (current !== name) {
      ui.warn(`${projectFile} of this folder goes before it and says ${current}`)
      ui.hint(`use --context ${name} or VORTA_CONTEXT=${name} here`)
    }
    ui.say('next: vorta-cli doctor')
    return 0
  },
})

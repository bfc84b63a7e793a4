// `context show`: what a command would use now, and why.

import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { chosen, details, document } from '../output.ts'
import { resolveTarget } from '../target.ts'

export const command = define({
  summary: 'show the endpoint and token source in force',
  options: { ...itemOptions, ...connectionOptions },
  arguments: [{ name: 'name', summary: 'context', optional: true, completes: 'context' }],
  examples: ['context show', 'context show local -o json'],
  run: async (ui, values, [name]) => {
    const chosenContext = name ?? values.context
    const target = await resolveTarget(ui.io, {
      ...values,
      ...(chosenContext === undefined ? {} : { context: chosenContext }),
    })
    const { context } = target
    const shown = {
      context: context?.name ?? '',
      endpoint: target.endpoint,
      token: target.tokenSource,
      logKey: context?.logKey ?? '',
      source: context?.source ?? '',
    }
    const format = chosen(values, 'text')
    if (format === 'name') ui.print(shown.context)
    else if (format === 'text') ui.print(details(ui.paint, Object.entries(shown)))
    else ui.print(document(format, shown))
    return 0
  },
})

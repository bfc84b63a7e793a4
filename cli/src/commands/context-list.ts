// `context list`.

import { command as define, listOptions } from '../command.ts'
import { loadContexts } from '../contexts.ts'
import { printList } from '../output.ts'

export const command = define({
  summary: 'list the contexts',
  options: { ...listOptions },
  arguments: [],
  examples: ['context list'],
  run: async (ui, values) => {
    const { all, current } = loadContexts(ui.io)
    const rows = [...all.values()].map((context) => ({
      ...context,
      current: context.name === (ui.io.env.VORTA_CONTEXT || current),
    }))
    printList(
      ui,
      values,
      {
        name: ({ name }) => name,
        columns: [
          { header: 'CURRENT', cell: ({ current }) => (current ? '*' : ' ') },
          { header: 'NAME', cell: ({ name }) => name },
          { header: 'ENDPOINT', cell: ({ endpoint }) => endpoint },
          { header: 'TOKEN FILE', cell: ({ tokenFile }) => tokenFile ?? '' },
          { header: 'FROM', cell: ({ source }) => source, wide: true },
        ],
        json: ({ name, endpoint, tokenFile, logKey, source, current }) => ({
          name,
          endpoint,
          tokenFile: tokenFile ?? '',
          logKey: logKey ?? '',
          source,
          current,
        }),
        empty: 'no contexts; add one with `vorta-cli context add`',
      },
      rows,
    )
    return 0
  },
})

// `worker list`.

import type { Worker } from '@vorta/api'
import { connectionOptions, command as define, listOptions } from '../command.ts'
import { printList } from '../output.ts'
import { withServer } from '../server.ts'
import { workerView } from '../workers.ts'

export const command = define({
  summary: 'list workers',
  options: { ...listOptions, ...connectionOptions },
  arguments: [],
  examples: ['worker list', 'worker list -o wide'],
  run: async (ui, values) => {
    const workers = await withServer(ui, values, async ({ cluster }) => {
      const found: Worker[] = []
      let pageToken = ''
      do {
        const page = await cluster.listWorkers({ pageSize: 1000, pageToken })
        found.push(...page.workers)
        pageToken = page.nextPageToken
      } while (pageToken !== '')
      return found
    })
    printList(ui, values, workerView(ui.io.now()), workers)
    return 0
  },
})

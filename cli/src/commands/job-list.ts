// `job list`.

import type { Job } from '@vorta/api'
import { fail } from '@vorta/core'
import { connectionOptions, command as define, listOptions } from '../command.ts'
import { jobView } from '../jobs.ts'
import { printList } from '../output.ts'
import { withServer } from '../server.ts'

const largestPage = 1000

export const command = define({
  summary: 'list jobs, newest first',
  options: {
    filter: {
      type: 'string',
      value: 'EXPR',
      summary: 'equalities joined by AND, over state, worker and verdict',
    },
    limit: { type: 'string', value: 'N', summary: 'at most this many (default 50; 0 for all)' },
    ...listOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: ['job list', `job list --filter 'state = "RUNNING"' -o wide`, 'job list -q'],
  run: async (ui, values) => {
    const limit = limitOf(values.limit)
    const jobs = await withServer(ui, values, async (server) => {
      const found: Job[] = []
      let pageToken = ''
      do {
        const pageSize = Math.min(limit - found.length, largestPage)
        const filter = values.filter ?? ''
        const page = await server.jobs.listJobs({ filter, pageSize, pageToken })
        found.push(...page.jobs)
        pageToken = page.nextPageToken
      } while (pageToken !== '' && found.length < limit)
      return found
    })
    printList(ui, values, jobView(ui.io.now()), jobs)
    return 0
  },
})

function limitOf(text = '50'): number {
  if (!/^[0-9]{1,9}$/.test(text)) {
    throw fail('USAGE', `--limit: expected a whole number, got "${text}"`)
  }
  return text === '0' ? Number.POSITIVE_INFINITY : Number(text)
}

// `job events JOB`.

import { connectionOptions, command as define, listOptions } from '../command.ts'
import { eventView, resourceName } from '../jobs.ts'
import { allEvents } from '../monitor.ts'
import { printList } from '../output.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'list the events of a job',
  options: { ...listOptions, ...connectionOptions },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job events example', 'job events example -o jsonl'],
  run: async (ui, values, [job]) => {
    const name = resourceName('jobs', job!)
    const events = await withServer(ui, values, (server) => allEvents(server, name))
    printList(ui, values, eventView, events)
    return 0
  },
})

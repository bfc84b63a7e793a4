// `job get JOB`.

import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { printJob, resourceName } from '../jobs.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'show a job',
  options: { ...itemOptions, ...connectionOptions },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job get example', 'job get example -o json'],
  run: async (ui, values, [job]) => {
    const name = resourceName('jobs', job!)
    const response = await withServer(ui, values, ({ jobs }) => jobs.getJob({ name }))
    if (response.job) printJob(ui, values, response.job)
    return 0
  },
})

// `job cancel JOB`.

import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { idOf, printJob, resourceName } from '../jobs.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'end a job now',
  options: { ...itemOptions, ...connectionOptions },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job cancel example'],
  run: async (ui, values, [argument]) => {
    const name = resourceName('jobs', argument!)
    const { job } = await withServer(ui, values, ({ jobs }) => jobs.cancelJob({ name }))
    if (job) printJob(ui, values, job)
    ui.say(`next: vorta-cli job events ${idOf(name)}`)
    return 0
  },
})

// `job watch JOB`: follows a job that is under way.

import { exitCodes } from '@vorta/api/errors'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { exitCodeOfJob, printJob, resourceName } from '../jobs.ts'
import { withServer } from '../server.ts'
import { stay } from '../stay.ts'

export const command = define({
  summary: 'follow a job to its end',
  description: 'The exit code is that of the job: 0 succeeded, 3 unschedulable, 1 otherwise.',
  options: { ...itemOptions, ...connectionOptions },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job watch example'],
  run: (ui, values, [job]) =>
    withServer(ui, values, async (server) => {
      const ended = await stay(ui, server, resourceName('jobs', job!))
      if (!ended) return exitCodes.interrupted
      printJob(ui, values, ended)
      return exitCodeOfJob(ended)
    }),
})

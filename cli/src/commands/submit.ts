// `submit`: hands a job over and returns, or waits for its end.

import { PlacementReportSchema } from '@vorta/api'
import { exitCodes } from '@vorta/api/errors'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { exitCodeOfJob, idOf, printJob } from '../jobs.ts'
import { plain } from '../messages.ts'
import { monitor } from '../monitor.ts'
import { chosen, document } from '../output.ts'
import { printReport, sayUnschedulable } from '../placement.ts'
import { withServer } from '../server.ts'
import { specOptions, submit } from '../submit.ts'

export const command = define({
  summary: 'submit a job',
  description:
    'Uploads what the server does not have yet, then submits. The job runs by itself; its\nname is printed on stdout.',
  options: {
    ...specOptions,
    'dry-run': { type: 'boolean', summary: 'only check the spec and say where it would run' },
    wait: { type: 'boolean', summary: 'return when the job has ended' },
    ...itemOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: [
    'submit --job-spec jobs/example_job.json --proof artifacts/proof.bin',
    'submit --job-spec job.yaml --dry-run',
    'job watch "$(vorta-cli submit --job-spec job.json -q)"',
  ],
  run: (ui, values) =>
    withServer(ui, values, async (server) => {
      const dryRun = values['dry-run'] ?? false
      const { job, placement } = await submit(ui, server, values, dryRun)
      if (dryRun) {
        if (placement) {
          const format = chosen(values, 'text')
          if (format === 'text') printReport(ui, placement)
          else if (format === 'name') ui.print(placement.worker)
          else ui.print(document(format, plain(PlacementReportSchema)(placement)))
        }
        if (placement?.feasible !== 0) return exitCodes.ok
        sayUnschedulable(ui, 'error', values['job-spec'] ?? 'the job', placement)
        return exitCodes.unschedulable
      }
      if (!job) return exitCodes.ok
      if (values.wait) {
        const ended = await monitor(ui, server, job.name)
        printJob(ui, values, ended)
        return exitCodeOfJob(ended)
      }
      // What a script wants of a submission is the name.
      if (chosen(values, 'name') === 'name') ui.print(job.name)
      else printJob(ui, values, job)
      ui.say(`next: vorta-cli job watch ${idOf(job.name)}`)
      return exitCodes.ok
    }),
})

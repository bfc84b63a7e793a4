// `submit`: hands a job over and returns, or waits for its end.

import { PlacementReportSchema } from '@vorta/api'
import { exitCodes } from '@vorta/api/errors'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { exitCodeOfJob, idOf, printJob } from '../jobs.ts'
import { plain } from '../messages.ts'
import { monitor } from '../monitor.ts'
import { chosen, document } from '../output.ts'
import { printReport, sayUnschedulable } from '../placement.ts'
import { monitorReleasing, releaseChoice, releaseOptions } from '../release.ts'
import { withServer } from '../server.ts'
import { sealOptions, specOptions, submit } from '../submit.ts'

export const command = define({
  summary: 'submit a job',
  description: `Uploads what the server does not have yet, then submits. The job runs by itself; its name is
printed on stdout. With --seal, inputs are encrypted here, and their key is released only to an
enclave that this command has verified and that --policy accepts: with --wait each time one asks,
otherwise by \`vorta-cli job release\`.`,
  options: {
    ...specOptions,
    ...sealOptions,
    'dry-run': { type: 'boolean', summary: 'only check the spec and say where it would run' },
    wait: { type: 'boolean', summary: 'return when the job has ended' },
    ...releaseOptions,
    ...itemOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: [
    'submit --job-spec jobs/example_job.json --proof artifacts/proof.bin',
    'submit --job-spec job.yaml --dry-run',
    'submit --job-spec job.yaml --seal proof --seal public --policy policy.yaml --wait',
    'job watch "$(vorta-cli submit --job-spec job.json -q)"',
  ],
  run: (ui, values) =>
    withServer(ui, values, async (server) => {
      const dryRun = values['dry-run'] ?? false
      // Read first: a wrong policy is found before anything is uploaded.
      const choice = values.seal && values.wait ? await releaseChoice(ui, values) : undefined
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
        const ended = choice
          ? await monitorReleasing(ui, server, job.name, choice)
          : await monitor(ui, server, job.name)
        printJob(ui, values, ended)
        return exitCodeOfJob(ended)
      }
      // What a script wants of a submission is the name.
      if (chosen(values, 'name') === 'name') ui.print(job.name)
      else printJob(ui, values, job)
      ui.say(`next: vorta-cli job ${values.seal ? 'release' : 'watch'} ${idOf(job.name)}`)
      return exitCodes.ok
    }),
})

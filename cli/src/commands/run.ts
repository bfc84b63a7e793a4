// `run`: submits a job and stays with it.

import { exitCodes } from '@vorta/api'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { exitCodeOfJob, idOf, printJob } from '../jobs.ts'
import { writeOutput } from '../output-file.ts'
import { withServer } from '../server.ts'
import { stay } from '../stay.ts'
import { specOptions, submit } from '../submit.ts'

export const command = define({
  summary: 'submit a job and follow it to its end',
  description:
    'Ctrl-C lets go of the job, which lives on; a second Ctrl-C within 2 s asks whether to\n' +
    'cancel it. An invalid proof is a job that succeeded: exit code 0, unless --require-valid.',
  options: {
    ...specOptions,
    detach: { type: 'boolean', short: 'd', summary: 'do not follow it, only print its name' },
    receipt: { type: 'string', value: 'FILE', summary: 'write the receipt to a file' },
    'require-valid': { type: 'boolean', summary: 'exit with 5 if the verdict is invalid' },
    ...itemOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: [
    'run --job-spec jobs/example_job.json --proof artifacts/proof.bin --receipt out/receipt.json',
  ],
  run: (ui, values) =>
    withServer(ui, values, async (server) => {
      const { job } = await submit(ui, server, values, false)
      if (!job) return exitCodes.failed
      if (values.detach) {
        ui.print(job.name)
        ui.say(`next: vorta-cli job watch ${idOf(job.name)}`)
        return exitCodes.ok
      }
      const ended = await stay(ui, server, job.name)
      if (!ended) return exitCodes.interrupted
      printJob(ui, values, ended)
      const code = exitCodeOfJob(ended)
      if (code !== exitCodes.ok) return code
      if (values.receipt !== undefined) {
        const { receipt } = await server.receipts.getReceipt({ name: job.name })
        await writeOutput(ui, values.receipt, receipt)
        ui.step('Wrote', values.receipt)
        ui.say(`next: vorta-cli receipt verify ${values.receipt}`)
      } else {
        ui.say(`next: vorta-cli job receipt ${idOf(job.name)} --out receipt.json`)
      }
      return values['require-valid'] && ended.verdict !== 'valid'
        ? exitCodes.verification
        : exitCodes.ok
    }),
})

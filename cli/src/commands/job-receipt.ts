// `job receipt JOB`: fetches the file that proves the result. It is checked
// elsewhere: by `receipt verify`, which needs no server.

import { connectionOptions, command as define } from '../command.ts'
import { resourceName } from '../jobs.ts'
import { writeOutput } from '../output-file.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: "fetch a job's receipt",
  options: {
    out: { type: 'string', short: 'O', value: 'FILE', summary: 'where to (default stdout)' },
    ...connectionOptions,
  },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: [
    'job receipt example -O receipt.json',
    'job receipt example | vorta-cli receipt verify -',
  ],
  run: async (ui, values, [job]) => {
    const name = resourceName('jobs', job!)
    const { receipt } = await withServer(ui, values, ({ receipts }) =>
      receipts.getReceipt({ name }),
    )
    const path = values.out ?? '-'
    await writeOutput(ui, path, receipt)
    if (path !== '-') ui.say(`next: vorta-cli receipt verify ${path}`)
    return 0
  },
})

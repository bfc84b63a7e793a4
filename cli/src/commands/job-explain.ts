// `job explain JOB`: why it was placed where it was, or why it waits.

import { PlacementReportSchema } from '@vorta/api'
import { fail } from '@vorta/core'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { resourceName } from '../jobs.ts'
import { plain } from '../messages.ts'
import { chosen, document } from '../output.ts'
import { printReport } from '../placement.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'say why a job was placed where it was, or why it waits',
  options: {
    attempt: { type: 'string', value: 'N', summary: 'attempt (default the last)' },
    ...itemOptions,
    ...connectionOptions,
  },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job explain example', 'job explain example -o json'],
  run: async (ui, values, [argument]) => {
    const job = resourceName('jobs', argument!)
    const attempt = values.attempt ?? '0'
    if (!/^[0-9]{1,6}$/.test(attempt)) {
      throw fail('USAGE', `--attempt: expected a whole number, got "${attempt}"`)
    }
    const { report } = await withServer(ui, values, ({ cluster }) =>
      cluster.getPlacementReport({ job, attempt: Number(attempt) }),
    )
    if (!report) return 0
    const format = chosen(values, 'text')
    if (format === 'text') printReport(ui, report)
    else if (format === 'name') ui.print(report.worker)
    else ui.print(document(format, plain(PlacementReportSchema)(report)))
    return 0
  },
})

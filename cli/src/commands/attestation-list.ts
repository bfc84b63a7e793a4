// `attestation list`.

import { fail } from '@vorta/core'
import { appraisalView } from '../appraisals.ts'
import { connectionOptions, command as define, listOptions } from '../command.ts'
import { printList } from '../output.ts'
import { withServer } from '../server.ts'

const most = 1000

export const command = define({
  summary: 'list the newest results of an attestation service',
  options: {
    limit: { type: 'string', value: 'N', summary: 'how many, 1 to 1000 (default 50)' },
    ...listOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: ['attestation list', 'attestation list --limit 1000 -o jsonl'],
  run: async (ui, values) => {
    const pageSize = Number(values.limit ?? 50)
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > most) {
      throw fail('USAGE', `--limit: expected 1 to ${most}, got "${values.limit}"`)
    }
    const { appraisals } = await withServer(ui, values, ({ attestation }) =>
      attestation.listAppraisals({ pageSize }),
    )
    printList(ui, values, appraisalView(ui.io.now()), appraisals)
    return 0
  },
})

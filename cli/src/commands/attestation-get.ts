// `attestation get RESULT`.

import { fail } from '@vorta/core'
import { appraisalJson, appraisalName, appraisalText } from '../appraisals.ts'
import { connectionOptions, command as define } from '../command.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'show a result of an attestation service',
  options: {
    format: {
      type: 'string',
      short: 'o',
      value: 'FORMAT',
      choices: ['text', 'json', 'jwt'],
      summary: 'form of the output; jwt is the signed result (application/eat+jwt)',
    },
    json: { type: 'boolean', summary: 'the same as -o json' },
    ...connectionOptions,
  },
  arguments: [{ name: 'result', summary: 'name or id' }],
  examples: ['attestation get a01k… -o jwt > result.jwt'],
  run: async (ui, values, [result]) => {
    const name = appraisalName(result!)
    const { appraisal, ear } = await withServer(ui, values, ({ attestation }) =>
      attestation.getAppraisal({ name }),
    )
    if (!appraisal) throw fail('INTERNAL', 'the service answered without a result')
    if (values.format === 'jwt') ui.print(ear)
    else if (values.json || values.format === 'json') {
      ui.print(JSON.stringify(appraisalJson(appraisal), null, 2))
    } else ui.print(appraisalText(ui.paint, appraisal))
    return 0
  },
})

// `attestation appraise FILE`: has an attestation service appraise evidence, and
// takes its signed result.

import { fail, fromHex, utf8 } from '@vorta/core'
import { appraisalExit, appraisalJson, appraisalText } from '../appraisals.ts'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import { writeOutput } from '../output-file.ts'
import { presentedOptions, readPresented } from '../presented.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'have evidence appraised by an attestation service',
  description: `The service judges by a policy of its own, chosen by name, and keeps the result. Exit code 5 if
it refuses. With --ear the result is written as a signed token, which \`attestation verify\` checks
offline.`,
  options: {
    policy: { type: 'string', value: 'NAME', summary: 'policy of the service (default "default")' },
    nonce: {
      type: 'string',
      value: 'HEX',
      summary: 'the challenge that the evidence answers, from `attestation challenge`',
    },
    ...presentedOptions,
    ear: { type: 'string', value: 'FILE', summary: 'where to write the signed result' },
    ...verdictOptions,
    ...connectionOptions,
  },
  arguments: [
    { name: 'file', summary: 'evidence, a receipt, or a quote; - for stdin', completes: 'file' },
  ],
  examples: [
    'attestation appraise evidence.json --ear result.jwt',
    'attestation appraise quote.bin --user-data message.txt --nonce $NONCE --policy strict',
  ],
  run: async (ui, values, [path]) => {
    const nonce = fromHex(values.nonce ?? '')
    if (!nonce) throw fail('USAGE', '--nonce: expected lower-case hex digits')
    const presented = await readPresented(ui.io, path!, values)
    const { appraisal, ear } = await withServer(ui, values, ({ attestation }) =>
      attestation.appraiseEvidence({ ...presented, nonce, policy: values.policy ?? '' }),
    )
    if (!appraisal) throw fail('INTERNAL', 'the service answered without a result')
    if (values.ear !== undefined) await writeOutput(ui, values.ear, utf8(ear))
    if (values.json || values.format === 'json') {
      ui.print(JSON.stringify(appraisalJson(appraisal), null, 2))
    } else ui.print(appraisalText(ui.paint, appraisal))
    return appraisalExit(ui, appraisal)
  },
})

// `collateral export`: what a server has fetched, in one file to carry elsewhere.

import { writeBundle } from '@vorta/attestation/collateral-service/bundle'
import { keyText } from '@vorta/attestation/collateral-service/fetch-collateral'
import { fail, utf8 } from '@vorta/core'
import { openFolder, requireOption } from '../collateral.ts'
import { command as define } from '../command.ts'
import { writeOutput } from '../output-file.ts'
import { trustOptions } from '../trust.ts'

export const command = define({
  summary: "write a server's collateral into one file",
  description:
    'Everything in the folder that verifies, for `collateral import` on another machine.',
  options: {
    cache: {
      type: 'string',
      value: 'FOLDER',
      summary: "the server's collateral folder, such as data/mainframe/collateral",
    },
    output: { type: 'string', value: 'FILE', summary: 'where to write it (default stdout)' },
    'allow-simulated': trustOptions['allow-simulated'],
  },
  arguments: [],
  examples: ['collateral export --cache data/mainframe/collateral --output bundle.json'],
  run: async (ui, values) => {
    const folder = requireOption(values.cache, 'cache')
    const kinds = values['allow-simulated']
      ? (['intel', 'simulated'] as const)
      : (['intel'] as const)
    const services = await Promise.all(kinds.map((kind) => openFolder(ui, folder, kind)))
    const held = services.flatMap((service) => service.held())
    if (held.length === 0) {
      throw fail('COLLATERAL_UNAVAILABLE', `${folder}: no collateral in it`, {
        hints: ['--allow-simulated looks for SIMULATED collateral, too'],
      })
    }
    const entries = held.map(({ key: { update }, collateral }) => ({ update, collateral }))
    await writeOutput(ui, values.output ?? '-', utf8(writeBundle(entries)))
    for (const { key } of held) ui.step('Exported', keyText(key))
    return 0
  },
})

// `collateral import FILE…`: into the folder of a server that has no network.

import { keyText } from '@vorta/attestation/collateral-service/fetch-collateral'
import { openFolder, readCollateralFile, requireOption, verifyAllowed } from '../collateral.ts'
import { command as define } from '../command.ts'
import { anchorsOf, trustOptions } from '../trust.ts'

export const command = define({
  summary: "put collateral into a server's folder",
  description: `Takes one set of collateral or a bundle. Each set is verified, and refused if it is older than what
the folder has seen. A server that runs takes it up when it next needs it; no restart is needed.`,
  options: {
    cache: {
      type: 'string',
      value: 'FOLDER',
      summary: "the server's collateral folder, such as data/mainframe/collateral",
    },
    'allow-simulated': trustOptions['allow-simulated'],
  },
  arguments: [{ name: 'file', summary: 'collateral in JSON', completes: 'file' }],
  examples: ['collateral import bundle.json --cache data/mainframe/collateral'],
  run: async (ui, values, [path]) => {
    const folder = requireOption(values.cache, 'cache')
    const anchors = await anchorsOf(ui.io, undefined)
    for (const { update, collateral } of await readCollateralFile(ui.io, path!)) {
      const allowed = values['allow-simulated']
      const { anchor } = await verifyAllowed(collateral, anchors, ui.io.now(), allowed)
      const service = await openFolder(ui, folder, anchor.kind)
      const key = await service.adopt(collateral, update)
      ui.step('Imported', `${keyText(key)}${anchor.kind === 'simulated' ? ' SIMULATED' : ''}`)
    }
    return 0
  },
})

// `collateral fetch`: what a quote is to be judged by, from Intel or a PCCS.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CollateralService } from '@vorta/attestation/collateral-service/collateral-service'
import { keyText } from '@vorta/attestation/collateral-service/fetch-collateral'
import { createPcsClient, type Update } from '@vorta/attestation/collateral-service/pcs-client'
import { fail, systemRandom, toRfc3339, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { requireAllowed, requireOption } from '../collateral.ts'
import { command as define } from '../command.ts'
import { unreadable } from '../input.ts'
import { writeOutput } from '../output-file.ts'
import { readQuote } from '../quotes.ts'
import { anchorsOf, trustOptions } from '../trust.ts'

const intelPcs = 'https://api.trustedservices.intel.com'

const { root, 'allow-simulated': allowSimulated } = trustOptions

export const command = define({
  summary: 'fetch the collateral for a quote',
  description: `Asks the endpoints in their order and writes the first set that verifies. A mainframe is one, too:
its PCCS is at <mainframe>/pccs/intel. \`quote verify --collateral\` takes the file.`,
  options: {
    quote: { type: 'string', value: 'FILE', summary: 'quote: raw, hex, base64 or JSON' },
    endpoint: {
      type: 'string',
      value: 'URL',
      multiple: true,
      summary: `PCS or PCCS; may be given several times (default ${intelPcs})`,
    },
    'root-crl': {
      type: 'string',
      value: 'URL',
      summary: "where the root CRL is, if not at the endpoint's own place",
    },
    ca: { type: 'string', value: 'PEM', summary: 'CA of a PCCS with a certificate of its own' },
    update: {
      type: 'string',
      value: 'EDITION',
      summary: 'standard (default), early, or the number of a TCB evaluation',
    },
    output: { type: 'string', value: 'FILE', summary: 'where to write it (default stdout)' },
    root,
    'allow-simulated': allowSimulated,
  },
  arguments: [],
  examples: [
    'collateral fetch --quote quote.bin --output collateral.json',
    'collateral fetch --quote quote.bin --endpoint https://pccs.example.org:8081 --ca pccs.pem',
    'collateral fetch --quote quote.bin --update early --output early.json',
  ],
  run: async (ui, values) => {
    const { io } = ui
    const { quote } = await readQuote(io, requireOption(values.quote, 'quote'))
    const rootCrl = values['root-crl']
    const ca = values.ca
    const shared = {
      ...(rootCrl === undefined ? {} : { rootCrl }),
      ...(ca === undefined ? {} : { ca: readPem(io.cwd, ca) }),
    }
    const urls = values.endpoint ?? [intelPcs]
    const service = await CollateralService.open(
      {
        clients: urls.map((url) => createPcsClient({ url, ...shared })),
        anchors: await anchorsOf(io, values.root),
      },
      {
        crypto: nodeCrypto,
        clock: { now: io.now },
        random: systemRandom,
        onEvent: (event) => {
          if (event.kind !== 'asked') return
          if (event.code === 'OK') ui.step('Fetched', `from ${event.endpoint}`)
          else ui.warn(`${event.endpoint}: ${event.code}: ${event.reason}`)
        },
      },
    )
    const update = readUpdate(values.update)
    const { collateral, verified } = await service.forQuote(quote, update)
    requireAllowed(verified, values['allow-simulated'])
    const { tee, ca: issuer, tcbInfo, expires } = verified
    const key = { tee, ca: issuer, fmspc: tcbInfo.fmspc, update }
    const text = `${JSON.stringify(collateral, null, 2)}\n`
    await writeOutput(ui, values.output ?? '-', utf8(text))
    ui.step(
      'Verified',
      `${keyText(key)}, evaluation ${tcbInfo.evaluationNumber}, until ${toRfc3339(expires)}`,
    )
    return 0
  },
})

function readPem(cwd: string, path: string): string {
  try {
    return readFileSync(resolve(cwd, path), 'utf8')
  } catch (cause) {
    return unreadable(path)(cause as NodeJS.ErrnoException)
  }
}

function readUpdate(text = 'standard'): Update {
  if (text === 'standard' || text === 'early') return text
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw fail('USAGE', `--update: expected standard, early or a number, got "${text}"`)
}

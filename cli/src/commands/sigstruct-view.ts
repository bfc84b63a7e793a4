// `sigstruct view FILE`: takes a SIGSTRUCT apart. Nothing in it is believed.

import { mrsignerOf, parseSigstruct } from '@vorta/attestation/measurement/sigstruct'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { command as define, verdictOptions } from '../command.ts'
import { sigstructJson, sigstructPairs } from '../enclave-files.ts'
import { readInput } from '../input.ts'
import { details } from '../output.ts'

export const command = define({
  summary: "take an enclave's SIGSTRUCT apart, unverified",
  options: { ...verdictOptions },
  arguments: [{ name: 'file', summary: 'the .sig that gramine-sgx-sign wrote', completes: 'file' }],
  examples: ['sigstruct view enclave.sig', 'sigstruct view enclave.sig -o json'],
  run: async (ui, values, [path]) => {
    const sigstruct = parseSigstruct(await readInput(ui.io, path!))
    const mrsigner = mrsignerOf(nodeCrypto, sigstruct)
    if (values.json || values.format === 'json') {
      const json = { verified: false, ...sigstructJson(sigstruct, mrsigner) }
      ui.print(JSON.stringify(json, null, 2))
      return 0
    }
    ui.print(
      details(ui.paint, [
        ['status', 'UNVERIFIED: nothing below was checked', 'attention'],
        ...sigstructPairs(sigstruct, mrsigner),
      ]),
    )
    return 0
  },
})

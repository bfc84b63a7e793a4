// `sigstruct verify FILE`: is it signed, and is it about the enclave I expect?

import { docsUrl, exitCodes } from '@vorta/api/errors'
import { sigstructBody } from '@vorta/attestation/measurement/gramine/sigstruct-body'
import {
  type ExpectedSigstruct,
  verifySigstruct,
} from '@vorta/attestation/measurement/sigstruct-verify'
import { fail, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { command as define, verdictOptions } from '../command.ts'
import {
  enclaveOptions,
  hexOf,
  measureFiles,
  sigstructJson,
  sigstructPairs,
} from '../enclave-files.ts'
import { readInput } from '../input.ts'
import type { Io } from '../io.ts'
import { details } from '../output.ts'

export const command = define({
  summary: "verify an enclave's SIGSTRUCT, offline",
  description: `Header, reserved bytes, key, signature and its quotients, as the CPU checks them; then what was
expected of it. With --manifest, --libpal and --gramine the enclave is measured, and every field that
gramine-sgx-sign takes from the manifest is compared. Exit code 5 if anything differs.`,
  options: {
    mrenclave: { type: 'string', value: 'HEX', summary: 'MRENCLAVE it must have' },
    mrsigner: { type: 'string', value: 'HEX', summary: 'MRSIGNER it must have' },
    ...enclaveOptions,
    ...verdictOptions,
  },
  arguments: [{ name: 'file', summary: 'the .sig that gramine-sgx-sign wrote', completes: 'file' }],
  examples: [
    'sigstruct verify enclave.sig --mrsigner 88dc6d4bab4caf6c688aa7b8032b17267fb368d0301e56bb3f1cff62eb974b1f',
    'sigstruct verify enclave.sig --manifest enclave.manifest.sgx --libpal libpal.so --gramine 1.9 -o json',
  ],
  run: async (ui, values, [path]) => {
    const isJson = values.json || values.format === 'json'
    const bytes = await readInput(ui.io, path!)
    try {
      const expected = await expectations(ui.io, values)
      const verified = verifySigstruct(nodeCrypto, bytes, expected)
      const { mrsigner } = verified
      const compared = Object.keys(expected)
      if (isJson) {
        const json = { outcome: 'verified', compared, ...sigstructJson(verified, mrsigner) }
        ui.print(JSON.stringify({ ...json, rejectCode: null }, null, 2))
      } else {
        const said = compared.length === 0 ? 'nothing was expected of it' : compared.join(', ')
        ui.print(details(ui.paint, [...sigstructPairs(verified, mrsigner), ['compared', said]]))
        ui.print(`${ui.paint('good', '✓ SIGNED')} by ${mrsigner}: ${path}`)
      }
      return exitCodes.ok
    } catch (thrown) {
      if (!(thrown instanceof VerificationError)) throw thrown
      const { code, message } = thrown
      const json = { outcome: 'rejected', mrenclave: null, mrsigner: null, rejectCode: code }
      if (isJson) ui.print(JSON.stringify({ ...json, rejectDetail: message }, null, 2))
      else ui.print(`${ui.paint('failed', '✗ REJECTED')} ${code}: ${message}`)
      ui.docs(docsUrl(code))
      return exitCodes.verification
    }
  },
})

type Wanted = Parameters<typeof measureFiles>[1] & {
  readonly mrenclave?: string
  readonly mrsigner?: string
}

async function expectations(io: Io, values: Wanted): Promise<ExpectedSigstruct> {
  const mrenclave = hexOf('mrenclave', values.mrenclave)
  const mrsigner = hexOf('mrsigner', values.mrsigner)
  const signer = mrsigner === undefined ? {} : { mrsigner }
  if (!Object.keys(enclaveOptions).some((name) => name in values)) {
    return mrenclave === undefined ? signer : { mrenclave, ...signer }
  }
  if (mrenclave !== undefined) {
    throw fail('USAGE', '--mrenclave and --manifest both say what it must measure to: give one')
  }
  const measured = await measureFiles(io, values)
  // The date is the signer's own choice: nothing to compare it with.
  const { date: _, ...body } = sigstructBody(measured.manifest, measured.mrenclave, '0000-00-00')
  return { ...body, ...signer }
}

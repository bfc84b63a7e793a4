// `measure`: the MRENCLAVE of a Gramine enclave, without SGX and without Gramine.

import { command as define, verdictOptions } from '../command.ts'
import { enclaveOptions, measureFiles } from '../enclave-files.ts'
import { details } from '../output.ts'

export const command = define({
  summary: 'compute the MRENCLAVE of a Gramine enclave, without hardware',
  description: `From the bytes that gramine-sgx-sign would measure: the final manifest and the enclave image. What a
production policy should refuse in the manifest is listed as a warning; the measurement is right all the same.`,
  options: { ...enclaveOptions, ...verdictOptions },
  arguments: [],
  examples: [
    'measure --manifest enclave.manifest.sgx --libpal libpal.so --gramine 1.9',
    'measure --manifest enclave.manifest.sgx --libpal libpal.so --gramine 1.9 -o json',
  ],
  run: async (ui, values) => {
    const { manifest, ...measured } = await measureFiles(ui.io, values)
    const { document: _, cpuFeatures, ...facts } = manifest
    if (values.json || values.format === 'json') {
      ui.print(JSON.stringify({ ...measured, ...facts, cpuFeatures }, null, 2))
      return 0
    }
    ui.print(
      details(ui.paint, [
        ['MRENCLAVE', measured.mrenclave],
        ['Gramine', measured.gramine],
        ['enclave size', `${manifest.enclaveSize} bytes${manifest.edmm ? ', EDMM' : ''}`],
        ['threads', String(manifest.maxThreads)],
        ['product, SVN', `${manifest.isvProdId}, ${manifest.isvSvn}`],
        ['debug', String(manifest.debug), manifest.debug ? 'attention' : undefined],
        ['attestation', manifest.remoteAttestation],
        ['manifest', `sha256:${measured.manifestSha256}`],
        ['libpal', `sha256:${measured.libpalSha256}`],
      ]),
    )
    for (const { key, detail } of measured.warnings) ui.warn(`${key}: ${detail}`)
    return 0
  },
})

// `receipt show FILE`: what a receipt says, without believing a word of it.

import { parseQuote } from '@vorta/attestation'
import { fromBase64, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decodeReceipt, decodeStatement, evidenceDigest, sealedText } from '@vorta/receipt'
import { command as define, verdictOptions } from '../command.ts'
import { readInput } from '../input.ts'
import { details } from '../output.ts'
import { verdictJson } from '../verdicts.ts'

export const command = define({
  summary: 'print what a receipt says, unverified',
  options: { ...verdictOptions },
  arguments: [{ name: 'file', summary: 'receipt; - for stdin', completes: 'file' }],
  examples: ['receipt show receipt.json', 'receipt show receipt.json -o json'],
  run: async (ui, values, [path]) => {
    const receipt = decodeReceipt(await readInput(ui.io, path!))
    const statement = decodeStatement(bytesOf(receipt.envelope.payload))
    const quote = parseQuote(bytesOf(receipt.evidence.quote))
    if (values.json || values.format === 'json') {
      ui.print(verdictJson({ verified: false, statement, quote, ...receipt }))
      return 0
    }
    const { predicate } = statement
    const { job, attempt, spec, enclave, startedOn, finishedOn, trace, proof, sealed } = predicate
    const simulated = enclave.kind === 'simulated'
    ui.print(
      details(ui.paint, [
        ['status', 'UNVERIFIED: nothing below was checked', 'attention'],
        ['job', `${job.name} (${job.uid}), attempt ${attempt.number}`],
        ['spec', `sha256:${spec}`],
        ['enclave', simulated ? 'SIMULATED' : enclave.kind, simulated ? 'simulated' : undefined],
        ['measurement', quote.tee === 'sgx' ? quote.report.mrenclave : quote.report.mrtd],
        ['evidence', evidenceDigest(nodeCrypto, receipt.evidence)],
        ['proof system', `${proof.system} ${proof.curve} (${proof.encoding})`],
        ['verifier', `${proof.verifier.name} ${proof.verifier.version}`],
        ['verification key', `sha256:${proof.verificationKey}`],
        ['public inputs', `sha256:${proof.publicInputs}`],
        ['proof', `sha256:${proof.proof}`],
        ['sealed inputs', sealed ? sealedText(sealed) : ''],
        ['verdict', proof.code === undefined ? proof.verdict : `${proof.verdict} (${proof.code})`],
        ['started', startedOn],
        ['finished', finishedOn],
        ['trace', `sha256:${trace}`],
        ['outputs', statement.subject.map(({ name }) => name).join(', ')],
        ['log', `${receipt.log.origin}, entry ${receipt.log.index} at ${receipt.log.time}`],
        ['signed by', receipt.envelope.signatures.map(({ keyid }) => keyid).join(', ')],
        ['report data', toHex(quote.reportData.subarray(0, 32))],
      ]),
    )
    ui.say(`next: vorta-cli receipt verify ${path}`)
    return 0
  },
})

// The decoder has admitted canonical base64 only; anything else is left for the parser to refuse.
const bytesOf = (base64: string): Uint8Array => fromBase64(base64) ?? new Uint8Array()

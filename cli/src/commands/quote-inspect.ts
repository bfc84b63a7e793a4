// `quote inspect FILE`: takes a quote apart. Nothing in it is believed.

import { parseQuote, type SgxReport } from '@vorta/attestation'
import { fromUtf8, toHex } from '@vorta/core'
import { command as define, verdictOptions } from '../command.ts'
import { details } from '../output.ts'
import { tdPairs } from '../quote-text.ts'
import { readQuote } from '../quotes.ts'
import { verdictJson } from '../verdicts.ts'

export const command = define({
  summary: 'take a quote apart, unverified',
  options: { ...verdictOptions },
  arguments: [{ name: 'file', summary: 'quote: raw, hex, base64 or JSON', completes: 'file' }],
  examples: ['quote inspect quote.bin', 'quote inspect quote.hex -o json'],
  run: async (ui, values, [path]) => {
    const { quote } = await readQuote(ui.io, path!)
    const parsed = parseQuote(quote)
    if (values.json || values.format === 'json') {
      ui.print(verdictJson({ verified: false, length: quote.length, ...parsed }))
      return 0
    }
    const { certification, qeReport, qeAuthData, padding } = parsed
    ui.print(
      details(ui.paint, [
        ['status', 'UNVERIFIED: nothing below was checked', 'attention'],
        ['quote', `version ${parsed.version}, ${parsed.tee}, ${quote.length} bytes`],
        ...(parsed.tee === 'sgx' ? reportPairs('enclave', parsed.report) : tdPairs(parsed.report)),
        ['report data', toHex(parsed.reportData)],
        ['attestation key x', toHex(parsed.attestationKey.x)],
        ['attestation key y', toHex(parsed.attestationKey.y)],
        ['signature', toHex(parsed.signature)],
        ...reportPairs('quoting enclave', qeReport),
        ['authentication data', `${qeAuthData.length} bytes`],
        ['certification', `type ${certification.type}, ${certification.data.length} bytes`],
        ['certificates', `${countCertificates(certification.data)}`],
        ['padding', padding === 0 ? '' : `${padding} zero bytes`],
      ]),
    )
    return 0
  },
})

function reportPairs(label: string, report: SgxReport): readonly (readonly [string, string])[] {
  const { attributes } = report
  const flags = [
    ...(attributes.debug ? ['DEBUG'] : []),
    ...(attributes.provisionKey ? ['PROVISION_KEY'] : []),
    ...(attributes.einitTokenKey ? ['EINITTOKEN_KEY'] : []),
  ]
  return [
    [`${label} MRENCLAVE`, report.mrenclave],
    [`${label} MRSIGNER`, report.mrsigner],
    [`${label} product, SVN`, `${report.isvProdId}, ${report.isvSvn}`],
    [`${label} CPU SVN`, report.cpuSvn],
    [`${label} attributes`, `${attributes.flags} ${attributes.xfrm} ${flags.join(' ')}`.trim()],
  ]
}

const countCertificates = (data: Uint8Array): number =>
  (fromUtf8(data)?.match(/-----BEGIN CERTIFICATE-----/g) ?? []).length

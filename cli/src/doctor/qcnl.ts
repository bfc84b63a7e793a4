// /etc/sgx_default_qcnl.conf: where the quote provider library gets PCK
// certificates. JSON with comments, or lines of KEY=VALUE as before DCAP 1.12.

import { parseJson, VortaError } from '@vorta/core'
import { boolean, decode, openObject, string, withDefault } from '@vorta/core/decode'
import { shownAddress } from './finding.ts'

const maxBytes = 64 * 2 ** 10

export type QcnlConfig = {
  readonly pccsUrl: URL
  /** Whether the TLS certificate of the PCCS must be trusted. */
  readonly useSecureCert: boolean
}

const defaultUrl = 'https://localhost:8081/sgx/certification/v4/'

const decoder = openObject({
  pccs_url: withDefault(string({ min: 1, max: 2048 }), defaultUrl),
  use_secure_cert: withDefault(boolean, true),
})

/** Throws a VortaError whose message says what is wrong. */
export function parseQcnl(text: string): QcnlConfig {
  const document = text.trimStart().startsWith('{')
    ? parseJson(withoutComments(text), { maxBytes })
    : fromLines(text)
  const config = decode(decoder, document, invalid)
  const pccsUrl = URL.parse(config.pccs_url)
  if (pccsUrl === null || !/^https?:$/.test(pccsUrl.protocol)) {
    throw invalid(`pccs_url: expected an http or https URL, got "${shownAddress(config.pccs_url)}"`)
  }
  // The library appends to it as it stands.
  if (!pccsUrl.pathname.endsWith('/')) pccsUrl.pathname += '/'
  return { pccsUrl, useSecureCert: config.use_secure_cert }
}

/** Comments as the library takes them, outside of strings; lines keep their places. */
const withoutComments = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (found) =>
    found.startsWith('"') ? found : ' ',
  )

function fromLines(text: string): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {}
  for (const line of text.split('\n')) {
    const found = /^\s*([A-Z_]+)\s*=\s*(\S+)\s*$/.exec(line)
    if (found?.[1] === 'PCCS_URL') values.pccs_url = found[2]
    if (found?.[1] === 'USE_SECURE_CERT') values.use_secure_cert = !/^false$/i.test(found[2]!)
  }
  return values
}

const invalid = (text: string): VortaError => new VortaError('QCNL_INVALID', text)

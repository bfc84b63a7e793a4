// PEM certificate chains (RFC 7468, section 5). Strict on purpose: outside the
// base64 only single line ends, so that no byte of a chain goes unread.

import { fromBase64 } from '@vorta/core'
import { refuse } from './errors.ts'
import { type Certificate, parseCertificate } from './x509.ts'

// A PCK chain has three certificates.
const maxCertificates = 8

const footer = '-----END CERTIFICATE-----'
const wholeBlock =
  /^-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?$/

/** Makes a certificate of one PEM block with its line end; undefined where it is none. */
export type ParseCertificate = (block: string) => Certificate | undefined

export const parseBlock: ParseCertificate = (block) => {
  const lines = wholeBlock.exec(block)?.[1]
  const der = lines === undefined ? undefined : fromBase64(lines.replace(/[\r\n]/g, ''))
  return der && parseCertificate(der)
}

/**
 * Parses one PEM certificate after the other; `parse` is for callers that know
 * some of them already. Throws CHAIN_FORMAT, DER or CERT_FORMAT.
 */
export function parsePemChain(
  text: string,
  what: string,
  parse: ParseCertificate = parseBlock,
): readonly Certificate[] {
  const certificates: Certificate[] = []
  for (let at = 0; at < text.length; ) {
    if (certificates.length >= maxCertificates) {
      throw refuse('CHAIN_FORMAT', `${what}: expected at most ${maxCertificates} certificates`)
    }
    const end = endOfBlock(text, at)
    const certificate = end === undefined ? undefined : parse(text.slice(at, end))
    if (end === undefined || !certificate) {
      throw refuse('CHAIN_FORMAT', `${what}: expected a PEM certificate at character ${at}`)
    }
    certificates.push(certificate)
    at = end
  }
  return certificates
}

/** Behind the line end of the next footer; undefined where there is none. */
function endOfBlock(text: string, from: number): number | undefined {
  const found = text.indexOf(footer, from)
  if (found < 0) return undefined
  const end = found + footer.length
  const lineEnd = text.indexOf('\n', end)
  // Anything else that stands between them is the block's, and makes it none.
  return lineEnd < 0 ? text.length : lineEnd + 1
}

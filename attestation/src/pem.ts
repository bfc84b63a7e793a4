// PEM certificate chains (RFC 7468, section 5). Strict on purpose: outside the
// base64 only single line ends, so that no byte of a chain goes unread.

import { fromBase64 } from '@vorta/core'
import { refuse } from './errors.ts'
import { type Certificate, parseCertificate } from './x509.ts'

// A PCK chain has three certificates.
const maxCertificates = 8

const block =
  /-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n|$)/y

/** Makes a certificate of the lines between the marks; undefined where they are not base64. */
export type ParseCertificate = (lines: string) => Certificate | undefined

/**
 * Parses one PEM certificate after the other; `parse` is for callers that know
 * some of them already. Throws CHAIN_FORMAT, DER or CERT_FORMAT.
 */
export function parsePemChain(
  text: string,
  what: string,
  parse: ParseCertificate = parseLines,
): readonly Certificate[] {
  const certificates: Certificate[] = []
  block.lastIndex = 0
  while (block.lastIndex < text.length) {
    const at = block.lastIndex
    const lines = block.exec(text)?.[1]
    const certificate = lines === undefined ? undefined : parse(lines)
    if (!certificate) {
      throw refuse('CHAIN_FORMAT', `${what}: expected a PEM certificate at character ${at}`)
    }
    if (certificates.length >= maxCertificates) {
      throw refuse('CHAIN_FORMAT', `${what}: expected at most ${maxCertificates} certificates`)
    }
    certificates.push(certificate)
  }
  return certificates
}

export const parseLines: ParseCertificate = (lines) => {
  const der = fromBase64(lines.replace(/[\r\n]/g, ''))
  return der && parseCertificate(der)
}

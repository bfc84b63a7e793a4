// PEM certificate chains (RFC 7468, section 5). Strict on purpose: outside the
// base64 only single line ends, so that no byte of a chain goes unread.

import { fromBase64 } from '@vorta/core'
import { refuse } from './errors.ts'
import { type Certificate, parseCertificate } from './x509.ts'

// A PCK chain has three certificates.
const maxCertificates = 8

const block =
  /-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n|$)/y

// The CAs and the TCB signer are the same in every quote, and roots come several
// times in one. Parsing is no trust: what is kept here is verified each time.
const parsed = new Map<string, Certificate>()
const maxParsed = 1024

/** Parses one PEM certificate after the other. Throws CHAIN_FORMAT, DER or CERT_FORMAT. */
export function parsePemChain(text: string, what: string): readonly Certificate[] {
  const certificates: Certificate[] = []
  block.lastIndex = 0
  while (block.lastIndex < text.length) {
    const at = block.lastIndex
    const body = block.exec(text)?.[1]
    const certificate = body === undefined ? undefined : parseBody(body)
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

/** Undefined where the lines are not base64. */
function parseBody(lines: string): Certificate | undefined {
  const known = parsed.get(lines)
  if (known) return known
  const der = fromBase64(lines.replace(/[\r\n]/g, ''))
  if (!der) return undefined
  const certificate = parseCertificate(der)
  if (parsed.size >= maxParsed) parsed.clear()
  parsed.set(lines, certificate)
  return certificate
}

// The chain that certifies a platform's PCK key: leaf, one of Intel's two PCK
// CAs, root. Certificates are told apart by name, not by position, and then
// have to fit their place in every other respect.

import { type Crypto, equal, fromUtf8, type P256PublicKey } from '@vorta/core'
import { type Crl, verifyCrl } from './crl.ts'
import { refuse } from './errors.ts'
import { type PckExtension, parsePckExtension } from './pck-extension.ts'
import { parsePemChain } from './pem.ts'
import { requireInForce } from './period.ts'
import type { Certification } from './quote.ts'
import { isSignedBy } from './signed-der.ts'
import type { Certificate } from './x509.ts'

export type PckChain = {
  readonly leaf: Certificate
  readonly intermediate: Certificate
  /** Everything else; still to be proven to be the root. */
  readonly roots: readonly Certificate[]
}

const isLeaf = ({ commonName }: Certificate): boolean => commonName.endsWith('SGX PCK Certificate')
const isIntermediate = ({ commonName }: Certificate): boolean =>
  /SGX PCK (?:Platform|Processor) CA$/.test(commonName)

/** Certification data types (Intel SGX ECDSA QuoteLibReference, A.4, table 9). */
const pckLeaf = 4
const pckChain = 5
/** The others identify the platform by PPID: lengths with PPID in the clear, RSA-2048 and RSA-3072. */
const ppidLengths: Readonly<Record<number, readonly number[]>> = {
  1: [34, 36],
  2: [276],
  3: [404],
}

/** The chain from the quote, or from the collateral where the quote does not carry it. */
export function readPckChain(certification: Certification, fallback: string | undefined): PckChain {
  if (certification.type === pckChain) {
    return sortChain(parsePemChain(certificationText(certification), 'PCK chain of the quote'))
  }
  if (fallback === undefined) {
    throw refuse('CHAIN_FORMAT', 'PCK chain: neither the quote nor the collateral carries it')
  }
  const chain = sortChain(parsePemChain(fallback, 'PCK chain of the collateral'))
  checkIdentification(certification, chain.leaf)
  return chain
}

/** Intel's tools end the text with a NUL. */
function certificationText({ data }: Certification): string {
  const text = fromUtf8(data.at(-1) === 0 ? data.subarray(0, -1) : data)
  if (text === undefined) throw refuse('CERT_TYPE', 'certification data: expected PEM text')
  return text
}

/** The chain then is proven by the QE report's signature; here the data only has to fit its type. */
function checkIdentification(certification: Certification, leaf: Certificate): void {
  const { type, data } = certification
  if (type === pckLeaf) {
    const [own, ...more] = parsePemChain(certificationText(certification), 'PCK leaf of the quote')
    if (own && more.length === 0 && equal(own.raw, leaf.raw)) return
  } else if (ppidLengths[type]?.includes(data.length)) {
    return
  }
  throw refuse('CERT_TYPE', `certification data: ${data.length} bytes do not fit type ${type}`)
}

function sortChain(certificates: readonly Certificate[]): PckChain {
  const [leaf, ...moreLeaves] = certificates.filter(isLeaf)
  const [intermediate, ...moreIntermediates] = certificates.filter(isIntermediate)
  if (!leaf || !intermediate || moreLeaves.length + moreIntermediates.length > 0) {
    throw refuse('CHAIN_FORMAT', 'PCK chain: expected one PCK certificate and one PCK CA')
  }
  const roots = certificates.filter((one) => one !== leaf && one !== intermediate)
  return { leaf, intermediate, roots }
}

export type VerifiedPck = {
  readonly key: P256PublicKey
  readonly extension: PckExtension
  readonly crl: Crl
  readonly notAfter: number
}

/** Proves the leaf, given that the anchor signed the intermediate (findAnchor). */
export async function verifyPckChain(
  crypto: Crypto,
  { leaf, intermediate }: PckChain,
  rootCrl: Crl,
  pckCrl: string,
  now: number,
): Promise<VerifiedPck> {
  if (!intermediate.isCa || !intermediate.signsCertificates || !intermediate.signsCrls) {
    throw refuse('NOT_A_CA', `${intermediate.commonName}: expected a CA certificate`)
  }
  requireInForce('CERT', 'PCK CA', intermediate.notBefore, intermediate.notAfter, now)
  if (rootCrl.revoked.has(intermediate.serial)) {
    throw refuse('CA_REVOKED', `${intermediate.commonName}: revoked by the root CRL`)
  }
  if (leaf.isCa) throw refuse('NOT_A_LEAF', `${leaf.commonName}: expected an end certificate`)
  const isIssued = equal(leaf.issuer, intermediate.subject)
  if (!isIssued || !(await isSignedBy(crypto, intermediate.key, leaf))) {
    throw refuse('CERT_SIGNATURE', `${leaf.commonName}: not issued by ${intermediate.commonName}`)
  }
  requireInForce('CERT', 'PCK certificate', leaf.notBefore, leaf.notAfter, now)
  const crl = await verifyCrl(crypto, pckCrl, intermediate, 'PCK CRL', now)
  if (crl.revoked.has(leaf.serial)) {
    throw refuse('PCK_REVOKED', 'PCK certificate: revoked by the PCK CRL', { serial: leaf.serial })
  }
  if (!leaf.sgxExtension) throw refuse('PCK_EXTENSION', 'PCK certificate: no SGX extension')
  return {
    key: leaf.key,
    extension: parsePckExtension(leaf.sgxExtension),
    crl,
    notAfter: Math.min(leaf.notAfter, intermediate.notAfter),
  }
}

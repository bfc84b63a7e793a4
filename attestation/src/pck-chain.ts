// The chain that certifies a platform's PCK key: leaf, one of Intel's two PCK
// CAs, root. Certificates are told apart by name, not by position, and then
// have to fit their place in every other respect.

import { type Crypto, equal, fromHex, fromUtf8, type P256PublicKey, toHex } from '@vorta/core'
import { type Crl, type CrlIssuer, type SignedCrl, verifyCrl } from './crl.ts'
import { refuse } from './errors.ts'
import { type PckExtension, parsePckExtension } from './pck-extension.ts'
import { type ParseCertificate, parsePemChain } from './pem.ts'
import { requireInForce } from './period.ts'
import type { Certification } from './quote.ts'
import { isSignedBy } from './signed-der.ts'
import type { Trust } from './signed-json.ts'
import type { Certificate } from './x509.ts'

export type PckChain = {
  readonly leaf: Certificate
  readonly intermediate: Certificate
  /** Everything else; still to be proven to be the root. */
  readonly roots: readonly Certificate[]
}

const isLeaf = ({ commonName }: Certificate): boolean => commonName.endsWith('SGX PCK Certificate')
const isIntermediate = (certificate: Certificate): boolean => pckCaOf(certificate) !== undefined

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
export function readPckChain(
  certification: Certification,
  fallback: string | undefined,
  parse?: ParseCertificate,
): PckChain {
  if (certification.type === pckChain) {
    const text = certificationText(certification)
    return sortChain(parsePemChain(text, 'PCK chain of the quote', parse))
  }
  if (fallback === undefined) {
    throw refuse('CHAIN_FORMAT', 'PCK chain: neither the quote nor the collateral carries it')
  }
  const chain = sortChain(parsePemChain(fallback, 'PCK chain of the collateral', parse))
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
  readonly ppidSha256: string
  readonly crl: Crl
  readonly notAfter: number
}

/** The two CAs that certify PCK keys: of multi-package platforms, and of the others. */
export type PckCa = 'platform' | 'processor'

/** The PCK CA that a certificate says it is. */
export function pckCaOf({ commonName }: Certificate): PckCa | undefined {
  const named = /SGX PCK (Platform|Processor) CA$/.exec(commonName)?.[1]
  return named?.toLowerCase() as PckCa | undefined
}

/** Proves that the anchor issued this CA, which may issue certificates and CRLs, and has not revoked it. */
export async function verifyPckCa(
  crypto: Crypto,
  certificate: Certificate,
  { anchor, rootCrl, now }: Trust,
): Promise<void> {
  await requireIssued(crypto, certificate, anchor)
  if (!certificate.isCa || !certificate.signsCertificates || !certificate.signsCrls) {
    throw refuse('NOT_A_CA', `${certificate.commonName}: expected a CA certificate`)
  }
  requireInForce('CERT', 'PCK CA', certificate.notBefore, certificate.notAfter, now)
  if (rootCrl.revoked.has(certificate.serial)) {
    throw refuse('CA_REVOKED', `${certificate.commonName}: revoked by the root CRL`)
  }
}

/** Proves the leaf, from the anchor down. */
export async function verifyPckChain(
  crypto: Crypto,
  { leaf, intermediate }: PckChain,
  trust: Trust,
  pckCrl: SignedCrl,
): Promise<VerifiedPck> {
  await verifyPckCa(crypto, intermediate, trust)
  if (leaf.isCa) throw refuse('NOT_A_LEAF', `${leaf.commonName}: expected an end certificate`)
  await requireIssued(crypto, leaf, intermediate)
  requireInForce('CERT', 'PCK certificate', leaf.notBefore, leaf.notAfter, trust.now)
  const crl = await verifyCrl(crypto, pckCrl, intermediate, 'PCK CRL', trust.now)
  if (crl.revoked.has(leaf.serial)) {
    throw refuse('PCK_REVOKED', 'PCK certificate: revoked by the PCK CRL', { serial: leaf.serial })
  }
  return {
    key: leaf.key,
    ...platformOf(crypto, leaf),
    crl,
    notAfter: Math.min(leaf.notAfter, intermediate.notAfter),
  }
}

async function requireIssued(
  crypto: Crypto,
  certificate: Certificate,
  issuer: CrlIssuer,
): Promise<void> {
  const isIssued = equal(certificate.issuer, issuer.subject)
  if (!isIssued || !(await isSignedBy(crypto, issuer.key, certificate))) {
    throw refuse('CERT_SIGNATURE', `${certificate.commonName}: not issued by the CA above it`)
  }
}

type PckPlatform = Pick<VerifiedPck, 'extension' | 'ppidSha256'>

/** What a certificate says does not change; reading it costs more than using it. */
const platforms = new WeakMap<Certificate, PckPlatform>()

function platformOf(crypto: Crypto, leaf: Certificate): PckPlatform {
  const known = platforms.get(leaf)
  if (known) return known
  if (!leaf.sgxExtension) throw refuse('PCK_EXTENSION', 'PCK certificate: no SGX extension')
  const extension = parsePckExtension(leaf.sgxExtension)
  const platform = { extension, ppidSha256: toHex(crypto.sha256(fromHex(extension.ppid)!)) }
  platforms.set(leaf, platform)
  return platform
}

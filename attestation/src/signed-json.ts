// TCB info and QE identity are JSON texts signed by the TCB signing key, which
// the root certifies directly. The signature is over the exact characters: the
// text is verified first, parsed afterwards, and never serialised anew.

import { type Crypto, equal, fromHex, type Json, parseJson, utf8, VortaError } from '@vorta/core'
import type { TrustAnchor } from './anchors.ts'
import { maxDocument } from './collateral.ts'
import type { Crl } from './crl.ts'
import { type QuoteFault, refuse } from './errors.ts'
import { once } from './once.ts'
import { type ParseCertificate, parsePemChain } from './pem.ts'
import { requireInForce } from './period.ts'
import { isSignedBy, type Signed } from './signed-der.ts'
import type { Certificate } from './x509.ts'

export type SignerChain = {
  readonly signer: Certificate
  /** Everything else; still to be proven to be the root. */
  readonly roots: readonly Certificate[]
}

const isSigner = ({ commonName }: Certificate): boolean => commonName.endsWith('SGX TCB Signing')

export function readSignerChain(pem: string, what: string, parse?: ParseCertificate): SignerChain {
  const certificates = parsePemChain(pem, what, parse)
  const [signer, ...more] = certificates.filter(isSigner)
  if (!signer || more.length > 0) {
    throw refuse('CHAIN_FORMAT', `${what}: expected one TCB signing certificate`)
  }
  return { signer, roots: certificates.filter((one) => one !== signer) }
}

/** What makes a document trusted: the root, its CRL, and the moment to judge by. */
export type Trust = { readonly anchor: TrustAnchor; readonly rootCrl: Crl; readonly now: number }

/** Proves that the root issued this signer and has not revoked it. */
export async function verifySigner(
  crypto: Crypto,
  signer: Certificate,
  { anchor, rootCrl, now }: Trust,
): Promise<void> {
  if (signer.isCa) throw refuse('NOT_A_LEAF', 'TCB signer: expected an end certificate')
  if (!equal(signer.issuer, anchor.subject)) {
    throw refuse('UNTRUSTED_ROOT', `TCB signer: expected issuer ${anchor.name}, got another one`)
  }
  if (!(await isSignedBy(crypto, anchor.key, signer))) {
    throw refuse('CERT_SIGNATURE', `TCB signer: not signed by ${anchor.name}`)
  }
  requireInForce('CERT', 'TCB signer', signer.notBefore, signer.notAfter, now)
  if (rootCrl.revoked.has(signer.serial)) {
    throw refuse('TCB_SIGNER_REVOKED', 'TCB signer: revoked by the root CRL')
  }
}

// The largest TCB info has about 3,000.
const maxValues = 30_000

/** A signed text that is parsed only after its signature is proven. */
export type SignedJson<T> = Signed & {
  /** Throws the document's format codes. */
  readonly read: () => T
}

/** Throws COLLATERAL_FORMAT. `fault` is the code for text that is no acceptable JSON. */
export function signedJson<T>(
  text: string,
  signatureHex: string,
  fault: QuoteFault,
  parse: (json: Json) => T,
): SignedJson<T> {
  const signature = fromHex(signatureHex)
  if (!signature) throw refuse('COLLATERAL_FORMAT', 'signature: expected lower-case hex')
  return { signedData: utf8(text), signature, read: once(() => parse(readJson(text, fault))) }
}

function readJson(text: string, fault: QuoteFault): Json {
  try {
    return parseJson(text, { maxBytes: maxDocument, maxValues })
  } catch (cause) {
    throw refuse(fault, VortaError.from(cause).message)
  }
}

/** Verifies the signature over the text, then parses it. */
export async function verifySignedJson<T>(
  crypto: Crypto,
  signer: Certificate,
  document: SignedJson<T>,
  fault: QuoteFault,
): Promise<T> {
  if (!(await isSignedBy(crypto, signer.key, document))) {
    throw refuse(fault, 'document: not signed by the TCB signing key')
  }
  return document.read()
}

/** The same for a text as it came. */
export const openSignedJson = (
  crypto: Crypto,
  signer: Certificate,
  text: string,
  signatureHex: string,
  faults: { readonly signature: QuoteFault; readonly format: QuoteFault },
): Promise<Json> =>
  verifySignedJson(
    crypto,
    signer,
    signedJson(text, signatureHex, faults.format, (json) => json),
    faults.signature,
  )

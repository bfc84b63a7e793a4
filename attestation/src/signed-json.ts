// TCB info and QE identity are JSON texts signed by the TCB signing key, which
// the root certifies directly. The signature is over the exact characters: the
// text is verified first, parsed afterwards, and never serialised anew.

import { type Crypto, equal, fromHex, type Json, parseJson, utf8, VortaError } from '@vorta/core'
import type { TrustAnchor } from './anchors.ts'
import { maxDocument } from './collateral.ts'
import type { Crl } from './crl.ts'
import { type QuoteFault, refuse } from './errors.ts'
import { parsePemChain } from './pem.ts'
import { requireInForce } from './period.ts'
import { isSignedBy } from './signed-der.ts'
import type { Certificate } from './x509.ts'

export type SignerChain = {
  readonly signer: Certificate
  /** Everything else; still to be proven to be the root. */
  readonly roots: readonly Certificate[]
}

const isSigner = ({ commonName }: Certificate): boolean => commonName.endsWith('SGX TCB Signing')

export function readSignerChain(pem: string, what: string): SignerChain {
  const certificates = parsePemChain(pem, what)
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

/** Verifies the signature over the text, then parses it. */
export async function openSignedJson(
  crypto: Crypto,
  signer: Certificate,
  text: string,
  signatureHex: string,
  faults: { readonly signature: QuoteFault; readonly format: QuoteFault },
): Promise<Json> {
  const signature = fromHex(signatureHex)
  if (!signature || !(await crypto.verifyP256(signer.key, utf8(text), signature))) {
    throw refuse(faults.signature, 'document: not signed by the TCB signing key')
  }
  try {
    return parseJson(text, { maxBytes: maxDocument })
  } catch (cause) {
    throw refuse(faults.format, VortaError.from(cause).message)
  }
}

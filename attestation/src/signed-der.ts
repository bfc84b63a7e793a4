// The frame that certificates and CRLs share (RFC 5280, sections 4.1.1 and
// 5.1.1): what is signed, the algorithm, the signature. One algorithm exists
// in the SGX PKI, ecdsa-with-SHA256 over P-256; any other is refused.

import { type Bytes, type Crypto, equal, fromHex, type P256PublicKey } from '@vorta/core'
import { DerReader, openDer, readBitString, readUnsigned, tags } from './der.ts'
import { type QuoteFault, refuse } from './errors.ts'

// SEQUENCE { OID 1.2.840.10045.4.3.2 }, without parameters (RFC 5758, section 3.2).
const ecdsaWithSha256 = fromHex('300a06082a8648ce3d040302')!

/** What a signature is over, and the signature as r||s, 64 bytes. */
export type Signed = { readonly signedData: Uint8Array; readonly signature: Bytes }

export type SignedDer = Signed & {
  /** The signed bytes, opened. */
  readonly body: DerReader
}

export function openSigned(der: Uint8Array, fault: QuoteFault): SignedDer {
  const outer = openDer(der, tags.sequence)
  const tbs = outer.read(tags.sequence)
  readAlgorithm(outer, fault)
  const signature = readEcdsaSignature(readBitString(outer), fault)
  outer.end()
  return { body: new DerReader(tbs.content), signedData: tbs.raw, signature }
}

export function readAlgorithm(reader: DerReader, fault: QuoteFault): void {
  if (!equal(reader.read(tags.sequence).raw, ecdsaWithSha256)) {
    throw refuse(fault, 'signature algorithm: expected ecdsa-with-SHA256, got another one')
  }
}

/** ECDSA-Sig-Value (RFC 3279, section 2.2.3) as the fixed 64 bytes that verifiers take. */
function readEcdsaSignature(der: Uint8Array, fault: QuoteFault): Bytes {
  const pair = openDer(der, tags.sequence)
  const out = new Uint8Array(64)
  for (const end of [32, 64]) {
    const content = readUnsigned(pair)
    const value = content[0] === 0 ? content.subarray(1) : content
    if (value.length > 32) throw refuse(fault, 'signature: expected numbers of at most 32 bytes')
    out.set(value, end - value.length)
  }
  pair.end()
  return out
}

export const isSignedBy = (
  crypto: Crypto,
  key: P256PublicKey,
  document: Signed,
): Promise<boolean> => crypto.verifyP256(key, document.signedData, document.signature)

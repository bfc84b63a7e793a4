// X.509 version 2 CRLs of the SGX PKI (RFC 5280, section 5; Intel's CRL
// profile): full CRLs, issued by the CA itself. A delta or an indirect CRL
// marks itself with a critical extension and is refused by that.

import { type Bytes, type Crypto, equal, fromHex, type P256PublicKey, toHex } from '@vorta/core'
import { type DerReader, readSmall, readTime, readUnsigned, tags } from './der.ts'
import { refuse } from './errors.ts'
import { readExtensions } from './extensions.ts'
import { requireInForce } from './period.ts'
import { isSignedBy, openSigned, readAlgorithm } from './signed-der.ts'

export type Crl = {
  readonly signedData: Uint8Array
  readonly signature: Bytes
  /** Raw DER Name. */
  readonly issuer: Uint8Array
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Content bytes of the revoked serials in hex. */
  readonly revoked: ReadonlySet<string>
}

const required = { crlNumber: '2.5.29.20', authorityKeyIdentifier: '2.5.29.35' } as const

export function parseCrl(der: Uint8Array): Crl {
  const { body, signedData, signature } = openSigned(der, 'CRL_FORMAT')
  if (readSmall(body, 255) !== 1) throw refuse('CRL_FORMAT', 'CRL: expected version 2')
  readAlgorithm(body, 'CRL_FORMAT')
  const issuer = body.read(tags.sequence).raw
  const thisUpdate = readTime(body)
  const nextUpdate = readTime(body)
  const revoked = body.next === tags.sequence ? readRevoked(body) : new Set<string>()
  const wrapper = body.inside(tags.context0)
  const extensions = readExtensions(wrapper, Object.values(required), 'CRL_FORMAT')
  wrapper.end()
  body.end()
  for (const [name, oid] of Object.entries(required)) {
    if (!extensions.has(oid)) throw refuse('CRL_FORMAT', `CRL: expected ${name}, got none`)
  }
  return { signedData, signature, issuer, thisUpdate, nextUpdate, revoked }
}

function readRevoked(body: DerReader): Set<string> {
  const serials = new Set<string>()
  const entries = body.inside(tags.sequence)
  while (!entries.done) {
    const entry = entries.inside(tags.sequence)
    serials.add(toHex(readUnsigned(entry)))
    readTime(entry)
    // A reason changes nothing: an entry is a revocation whatever it says.
    if (!entry.done) readExtensions(entry, [], 'CRL_FORMAT')
    entry.end()
  }
  return serials
}

/** The CA a CRL has to speak for. */
export type CrlIssuer = { readonly subject: Uint8Array; readonly key: P256PublicKey }

/** Parses a CRL in hex and proves that this CA issued it and that it is in force. */
export async function verifyCrl(
  crypto: Crypto,
  hex: string,
  issuer: CrlIssuer,
  what: string,
  now: number,
): Promise<Crl> {
  const der = fromHex(hex)
  if (!der) throw refuse('COLLATERAL_FORMAT', `${what}: expected lower-case hex`)
  const crl = parseCrl(der)
  if (!equal(crl.issuer, issuer.subject)) {
    throw refuse('CRL_ISSUER', `${what}: expected the CA's own CRL, got one of another issuer`)
  }
  if (!(await isSignedBy(crypto, issuer.key, crl))) {
    throw refuse('CRL_SIGNATURE', `${what}: not signed by the key of its CA`)
  }
  requireInForce('CRL', what, crl.thisUpdate, crl.nextUpdate, now)
  return crl
}

// X.509 version 2 CRLs of the SGX PKI (RFC 5280, section 5; Intel's CRL
// profile): full CRLs, issued by the CA itself. A delta or an indirect CRL
// marks itself with a critical extension and is refused by that.

import { type Crypto, equal, fromHex, type P256PublicKey, toHex } from '@vorta/core'
import { type DerReader, readSmall, readTime, readUnsigned, tags } from './der.ts'
import { refuse } from './errors.ts'
import { readExtensions } from './extensions.ts'
import { once } from './once.ts'
import { requireInForce } from './period.ts'
import { isSignedBy, openSigned, readAlgorithm, type Signed } from './signed-der.ts'

// Intel's longest CRL has about 60 entries.
const maxEntries = 10_000

export type Crl = {
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Content bytes of the revoked serials in hex. */
  readonly revoked: ReadonlySet<string>
}

/** A CRL of which only the frame was read: what it says is work, so its signature comes first. */
export type SignedCrl = Signed & {
  /** Raw DER Name. */
  readonly issuer: Uint8Array
  /** Throws DER or CRL_FORMAT. */
  readonly read: () => Crl
}

const required = { crlNumber: '2.5.29.20', authorityKeyIdentifier: '2.5.29.35' } as const

/** Throws COLLATERAL_FORMAT, DER or CRL_FORMAT. */
export function openCrl(hex: string, what: string): SignedCrl {
  const der = fromHex(hex)
  if (!der) throw refuse('COLLATERAL_FORMAT', `${what}: expected lower-case hex`)
  const { body, signedData, signature } = openSigned(der, 'CRL_FORMAT')
  if (readSmall(body, 255) !== 1) throw refuse('CRL_FORMAT', 'CRL: expected version 2')
  readAlgorithm(body, 'CRL_FORMAT')
  const issuer = body.read(tags.sequence).raw
  return { signedData, signature, issuer, read: once(() => readCrl(body)) }
}

function readCrl(body: DerReader): Crl {
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
  return { thisUpdate, nextUpdate, revoked }
}

function readRevoked(body: DerReader): Set<string> {
  const serials = new Set<string>()
  const entries = body.inside(tags.sequence)
  let count = 0
  while (!entries.done) {
    count++
    if (count > maxEntries) {
      throw refuse('CRL_FORMAT', `CRL: expected at most ${maxEntries} entries, got more`)
    }
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

/** Proves that this CA issued the CRL and that it is in force. */
export async function verifyCrl(
  crypto: Crypto,
  source: string | SignedCrl,
  issuer: CrlIssuer,
  what: string,
  now: number,
): Promise<Crl> {
  const signed = typeof source === 'string' ? openCrl(source, what) : source
  if (!equal(signed.issuer, issuer.subject)) {
    throw refuse('CRL_ISSUER', `${what}: expected the CA's own CRL, got one of another issuer`)
  }
  if (!(await isSignedBy(crypto, issuer.key, signed))) {
    throw refuse('CRL_SIGNATURE', `${what}: not signed by the key of its CA`)
  }
  const crl = signed.read()
  requireInForce('CRL', what, crl.thisUpdate, crl.nextUpdate, now)
  return crl
}

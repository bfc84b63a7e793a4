// Ties a chain to a configured anchor. The issuer's name picks the candidate,
// the signature decides; a root certificate inside a chain is never believed.

import { type Crypto, equal, toHex } from '@vorta/core'
import type { TrustAnchor } from './anchors.ts'
import { refuse } from './errors.ts'
import { isSignedBy } from './signed-der.ts'
import type { Certificate } from './x509.ts'

/** The anchor that signed this certificate. */
export async function findAnchor(
  crypto: Crypto,
  certificate: Certificate,
  anchors: readonly TrustAnchor[],
): Promise<TrustAnchor> {
  for (const anchor of anchors) {
    const named = equal(anchor.subject, certificate.issuer)
    if (named && (await isSignedBy(crypto, anchor.key, certificate))) return anchor
  }
  throw refuse(
    'UNTRUSTED_ROOT',
    `${certificate.commonName}: not signed by a configured trust anchor`,
    { configured: anchors.map(({ name }) => name).join(', ') },
  )
}

/**
 * Certificates beside the expected ones may only be the anchor's own. Their
 * signature is checked although nothing rests on it, so that no byte of a
 * chain can be changed unnoticed.
 */
export async function checkRoots(
  crypto: Crypto,
  roots: readonly Certificate[],
  anchor: TrustAnchor,
): Promise<void> {
  const distinct = new Map(roots.map((root) => [toHex(root.raw), root]))
  for (const root of distinct.values()) {
    const isAnchor =
      equal(root.subject, anchor.subject) &&
      equal(root.issuer, anchor.subject) &&
      equal(root.key.x, anchor.key.x) &&
      equal(root.key.y, anchor.key.y)
    if (!isAnchor || !(await isSignedBy(crypto, anchor.key, root))) {
      throw refuse('UNTRUSTED_ROOT', `${root.commonName}: expected the root ${anchor.name} here`)
    }
  }
}

/**
 * Certificates that the collateral carries and nothing rests on. They have to
 * be of this PKI all the same: equal to one that is used, or signed by the
 * anchor. So evidence has no bytes that could be changed at will.
 */
export async function checkSpares(
  crypto: Crypto,
  spares: readonly Certificate[],
  used: readonly Certificate[],
  anchor: TrustAnchor,
): Promise<void> {
  for (const spare of spares) {
    if (used.some((certificate) => equal(certificate.raw, spare.raw))) continue
    const isIssued = equal(spare.issuer, anchor.subject)
    if (!isIssued || !(await isSignedBy(crypto, anchor.key, spare))) {
      throw refuse('UNTRUSTED_ROOT', `${spare.commonName}: not signed by ${anchor.name}`)
    }
  }
}

// Ties a chain to a configured anchor. The issuer's name picks the candidate,
// the signature decides; a root certificate inside a chain is never believed.

import { type Crypto, equal } from '@vorta/core'
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
  throw untrusted(certificate, anchors)
}

/**
 * The anchor to judge a chain by: the one that signed this certificate, or if
 * none did the first with its issuer's name, under which it will be refused for
 * what is wrong with it.
 */
export async function chooseAnchor(
  crypto: Crypto,
  certificate: Certificate,
  anchors: readonly TrustAnchor[],
): Promise<TrustAnchor> {
  const [first, ...more] = anchors.filter(({ subject }) => equal(subject, certificate.issuer))
  if (!first) throw untrusted(certificate, anchors)
  if (more.length === 0) return first
  for (const anchor of [first, ...more]) {
    if (await isSignedBy(crypto, anchor.key, certificate)) return anchor
  }
  return first
}

const untrusted = ({ commonName }: Certificate, anchors: readonly TrustAnchor[]) =>
  refuse('UNTRUSTED_ROOT', `${commonName}: not signed by a configured trust anchor`, {
    configured: anchors.map(({ name }) => name).join(', '),
  })

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
  for (const root of new Set(roots)) {
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
    if (used.some((certificate) => certificate === spare || equal(certificate.raw, spare.raw)))
      continue
    const isIssued = equal(spare.issuer, anchor.subject)
    if (!isIssued || !(await isSignedBy(crypto, anchor.key, spare))) {
      throw refuse('UNTRUSTED_ROOT', `${spare.commonName}: not signed by ${anchor.name}`)
    }
  }
}

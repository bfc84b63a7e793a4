// Trust anchors: the root keys a verifier is configured with. An anchor is a
// key and a name, never a certificate: Intel has issued two root certificates
// for the same key, and what stands at the end of a chain proves nothing.
// The kind is configuration too, so no quote can say of itself what it is.

import { type Bytes, equal, fromHex, type P256PublicKey } from '@vorta/core'
import { refuse } from './errors.ts'
import { parsePemChain } from './pem.ts'

export type AnchorKind = 'intel' | 'simulated'

export type TrustAnchor = {
  readonly kind: AnchorKind
  /** For people: shown with every verdict that rests on this anchor. */
  readonly name: string
  readonly key: P256PublicKey
  /** The DER Name, compared byte by byte. */
  readonly subject: Uint8Array
}

const constant = (...hex: readonly string[]): Bytes => fromHex(hex.join(''))!

/** Intel SGX Root CA: CN=Intel SGX Root CA, O=Intel Corporation, L=Santa Clara, ST=CA, C=US. */
export const intelAnchor: TrustAnchor = {
  kind: 'intel',
  name: 'Intel SGX Root CA',
  key: {
    x: constant('0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5'),
    y: constant('67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394'),
  },
  subject: constant(
    '3068311a301806035504030c11496e74656c2053475820526f6f74204341311a3018060355040a0c11',
    '496e74656c20436f72706f726174696f6e3114301206035504070c0b53616e746120436c617261310b',
    '300906035504080c024341310b3009060355040613025553',
  ),
}

/** The root of simulated platforms, whose private key is public: see simulated/pki.ts. */
export const simulatedAnchor: TrustAnchor = {
  kind: 'simulated',
  name: 'Vorta SIMULATED SGX Root CA',
  key: {
    x: constant('9ff664b7fb36e0773bacfb36e82fb93686db24abeddceaddeaa5bb25a097c766'),
    y: constant('c5dc831c1ce5e35ef0327fa46ef86d72d9c5ed3dabce5ed2ddd8973a22734441'),
  },
  subject: constant(
    '306d3124302206035504030c1b566f7274612053494d554c415445442053475820526f6f74204341',
    '31193017060355040a0c10566f7274612053696d756c6174696f6e3110300e06035504070c074e6f',
    '7768657265310b300906035504080c025858310b3009060355040613025858',
  ),
}

/**
 * An anchor from a root certificate in PEM, for the command line's `--root`.
 * Throws ANCHOR_INVALID, CHAIN_FORMAT, DER or CERT_FORMAT.
 */
export function anchorFromPem(kind: AnchorKind, name: string, pem: string): TrustAnchor {
  const [root, ...more] = parsePemChain(pem, 'trust anchor')
  if (!root || more.length > 0 || !root.isCa || !equal(root.issuer, root.subject)) {
    throw refuse('ANCHOR_INVALID', 'trust anchor: expected exactly one self-issued CA certificate')
  }
  const anchor = { kind, name, key: root.key, subject: root.subject }
  requireSoundAnchor(anchor)
  return anchor
}

/**
 * Keeps the kinds apart: what is called Intel's must be Intel's, and its key can
 * be nothing else. The name alone proves nothing: Intel's public test root has
 * it too. Throws ANCHOR_INVALID.
 */
export function requireSoundAnchor(anchor: TrustAnchor): void {
  const hasKey = equal(anchor.key.x, intelAnchor.key.x) && equal(anchor.key.y, intelAnchor.key.y)
  const hasSubject = equal(anchor.subject, intelAnchor.subject)
  if (anchor.kind === 'intel' && !(hasKey && hasSubject)) {
    throw refuse('ANCHOR_INVALID', `anchor ${anchor.name}: of kind intel, but not Intel's root`)
  }
  if (anchor.kind === 'simulated' && hasKey) {
    throw refuse('ANCHOR_INVALID', `anchor ${anchor.name}: of kind simulated, but Intel's root`)
  }
}

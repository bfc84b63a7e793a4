// Is collateral genuine, without a quote to judge by it? What a cache asks
// before it keeps a set of documents. Judging a quote verifies all of it again:
// nothing rests on this having been done.

import type { Crypto } from '@vorta/core'
import { requireSoundAnchor, type TrustAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { verifyCrl } from './crl.ts'
import { refuse } from './errors.ts'
import { Memory, Session } from './memory.ts'
import { type OpenedCollateral, openCollateral } from './opened-collateral.ts'
import { type PckCa, pckCaOf, verifyPckCa } from './pck-chain.ts'
import { requireInForce } from './period.ts'
import type { QeIdentity } from './qe-identity.ts'
import { checkRoots, findAnchor } from './roots.ts'
import { verifySignedJson, verifySigner } from './signed-json.ts'
import type { TcbInfo } from './tcb-info.ts'
import type { Certificate } from './x509.ts'

export type VerifiedCollateral = {
  readonly anchor: TrustAnchor
  readonly tee: 'sgx' | 'tdx'
  readonly ca: PckCa
  readonly tcbInfo: TcbInfo
  readonly qeIdentity: QeIdentity
  /** When each part was issued, in milliseconds. */
  readonly issued: {
    readonly tcbInfo: number
    readonly qeIdentity: number
    readonly rootCrl: number
    readonly pckCrl: number
  }
  /** How many platforms the PCK CRL lists. */
  readonly revokedPlatforms: number
  /** The first moment at which a part runs out. */
  readonly expires: number
}

/** Throws VerificationError with the code that a quote judged by this collateral would meet. */
export async function verifyCollateral(
  crypto: Crypto,
  untrusted: Collateral,
  { anchors, now }: { readonly anchors: readonly TrustAnchor[]; readonly now: number },
): Promise<VerifiedCollateral> {
  for (const anchor of anchors) requireSoundAnchor(anchor)
  const { collateral: opened } = openCollateral(new Session(crypto, new Memory()), untrusted)
  const { tcbChain, qeChain } = opened
  const { ca, certificate, roots } = sortCaChain(opened.spares)

  const anchor = await findAnchor(crypto, certificate, anchors)
  await checkRoots(crypto, [...roots, ...tcbChain.roots, ...qeChain.roots], anchor)
  const rootCrl = await verifyCrl(crypto, opened.rootCrl, anchor, 'root CRL', now)
  const trust = { anchor, rootCrl, now }
  await verifySigner(crypto, tcbChain.signer, trust)
  await verifySigner(crypto, qeChain.signer, trust)
  await verifyPckCa(crypto, certificate, trust)
  await verifyCrl(crypto, opened.pckCrl, certificate, 'PCK CRL', now)
  const tcbInfo = await verifySignedJson(crypto, tcbChain.signer, opened.tcbInfo, 'TCB_SIGNATURE')
  requireInForce('TCB', 'TCB info', tcbInfo.issueDate, tcbInfo.nextUpdate, now)
  const qeIdentity = await verifySignedJson(
    crypto,
    qeChain.signer,
    opened.qeIdentity,
    'QEID_SIGNATURE',
  )
  requireInForce('QEID', 'QE identity', qeIdentity.issueDate, qeIdentity.nextUpdate, now)
  if (qeIdentity.tee !== tcbInfo.tee) {
    const got = `expected one for ${tcbInfo.tee}, got one for ${qeIdentity.tee}`
    throw refuse('QEID_MISMATCH', `QE identity: ${got}`)
  }
  return { anchor, ...describe(opened, ca, certificate) }
}

export type CollateralFacts = Omit<VerifiedCollateral, 'anchor'>

/** What a set says that it is about. Nothing of it is proven. Throws VerificationError. */
export function peekCollateral(crypto: Crypto, untrusted: Collateral): CollateralFacts {
  const { collateral: opened } = openCollateral(new Session(crypto, new Memory()), untrusted)
  const { ca, certificate } = sortCaChain(opened.spares)
  return describe(opened, ca, certificate)
}

function describe(opened: OpenedCollateral, ca: PckCa, certificate: Certificate): CollateralFacts {
  const tcbInfo = opened.tcbInfo.read()
  const qeIdentity = opened.qeIdentity.read()
  const rootCrl = opened.rootCrl.read()
  const pckCrl = opened.pckCrl.read()
  return {
    tee: tcbInfo.tee,
    ca,
    tcbInfo,
    qeIdentity,
    issued: {
      tcbInfo: tcbInfo.issueDate,
      qeIdentity: qeIdentity.issueDate,
      rootCrl: rootCrl.thisUpdate,
      pckCrl: pckCrl.thisUpdate,
    },
    revokedPlatforms: pckCrl.revoked.size,
    expires: Math.min(
      tcbInfo.nextUpdate,
      qeIdentity.nextUpdate,
      rootCrl.nextUpdate,
      pckCrl.nextUpdate,
      certificate.notAfter,
      opened.tcbChain.signer.notAfter,
      opened.qeChain.signer.notAfter,
    ),
  }
}

/** The PCK CA's certificate and the rest of the chain it came in. */
function sortCaChain(certificates: readonly Certificate[]) {
  const [certificate, ...more] = certificates.filter((one) => pckCaOf(one) !== undefined)
  const ca = certificate && pckCaOf(certificate)
  if (!certificate || !ca || more.length > 0) {
    throw refuse('CHAIN_FORMAT', 'PCK CRL chain: expected the certificate of one PCK CA')
  }
  return { ca, certificate, roots: certificates.filter((one) => one !== certificate) }
}

// The platform that a quote comes from: everything in a verification but the
// quote itself. It is the same for all quotes of one attestation key and day.

import type { Crypto, P256PublicKey } from '@vorta/core'
import type { TrustAnchor } from './anchors.ts'
import { verifyCrl } from './crl.ts'
import type { Session, VerifiedPlatform } from './memory.ts'
import type { OpenedCollateral } from './opened-collateral.ts'
import { type OpenedEndorsement, verifyQeReport } from './opened-endorsement.ts'
import { type VerifiedPck, verifyPckChain } from './pck-chain.ts'
import { requireInForce } from './period.ts'
import { checkQeReport, matchQeLevel } from './qe-identity.ts'
import { checkRoots, checkSpares } from './roots.ts'
import { isSignedBy, type Signed } from './signed-der.ts'
import { type SignedJson, verifySignedJson, verifySigner } from './signed-json.ts'
import { checkPlatform } from './tcb-info.ts'
import type { Certificate } from './x509.ts'

/**
 * None of the signatures waits for another: with a crypto that verifies aside,
 * all are under way before the first is asked for.
 */
function begin(
  crypto: Crypto,
  { rootCrl, pckCrl, tcbChain, qeChain, tcbInfo, qeIdentity }: OpenedCollateral,
  { chain: { leaf, intermediate }, qeReport }: OpenedEndorsement,
  anchor: TrustAnchor,
): void {
  const signed: readonly (readonly [P256PublicKey, Signed])[] = [
    [anchor.key, rootCrl],
    [anchor.key, tcbChain.signer],
    [anchor.key, qeChain.signer],
    [anchor.key, intermediate],
    [tcbChain.signer.key, tcbInfo],
    [qeChain.signer.key, qeIdentity],
    [intermediate.key, leaf],
    [intermediate.key, pckCrl],
    [leaf.key, qeReport],
  ]
  for (const [key, document] of signed) void isSignedBy(crypto, key, document)
}

/** What is verified beside the quote itself, and under which anchor. */
type Subject = {
  readonly tee: 'sgx' | 'tdx'
  readonly collateral: OpenedCollateral
  readonly endorsement: OpenedEndorsement
  readonly anchor: TrustAnchor
}

/** The chains, the CRLs, what Intel says of this platform, and its quoting enclave. */
export async function verifyPlatform(
  session: Session,
  about: Subject,
  now: number,
): Promise<VerifiedPlatform> {
  const { crypto } = session
  const { tee, collateral, endorsement, anchor } = about
  begin(crypto, collateral, endorsement, anchor)
  const { tcbChain, qeChain } = collateral
  const { leaf, intermediate, roots } = endorsement.chain
  const rootCrl = await verifyCrl(crypto, collateral.rootCrl, anchor, 'root CRL', now)
  await checkRoots(crypto, [...roots, ...tcbChain.roots, ...qeChain.roots], anchor)
  const spares = [...collateral.spares, ...endorsement.spares]
  await checkSpares(crypto, spares, [leaf, intermediate, ...roots], anchor)
  const trust = { anchor, rootCrl, now }
  await verifySigner(crypto, tcbChain.signer, trust)
  await verifySigner(crypto, qeChain.signer, trust)
  const tcbInfo = await openJson(crypto, tcbChain.signer, collateral.tcbInfo, 'TCB', now)
  const qeIdentity = await openJson(crypto, qeChain.signer, collateral.qeIdentity, 'QEID', now)
  const pck = await verifyPckChain(crypto, endorsement.chain, trust, collateral.pckCrl)
  checkPlatform(tcbInfo, tee, pck.extension)
  const qeReport = await verifyQeReport(crypto, pck.key, endorsement.qeReport)
  checkQeReport(qeIdentity, tee, qeReport)
  const qeLevel = matchQeLevel(qeIdentity, qeReport)

  const dated = [tcbInfo, qeIdentity].map(({ issueDate, nextUpdate }) => ({
    thisUpdate: issueDate,
    nextUpdate,
  }))
  const updated = [...dated, rootCrl, pck.crl]
  const certificates = [tcbChain.signer, qeChain.signer, leaf, intermediate]
  const issued = Math.max(...updated.map(({ thisUpdate }) => thisUpdate))
  const expires = Math.min(
    ...updated.map(({ nextUpdate }) => nextUpdate),
    ...certificates.map(({ notAfter }) => notAfter),
  )
  const platform: VerifiedPlatform = {
    tcbInfo,
    pck: pck.extension,
    qeLevel,
    from: Math.max(issued, ...certificates.map(({ notBefore }) => notBefore)),
    facts: {
      ...describePlatform(pck),
      qeStatus: qeLevel.status,
      tcbEvaluationDataNumber: Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber),
      tcbIssued: Math.min(tcbInfo.issueDate, qeIdentity.issueDate),
      collateralIssued: issued,
      collateralExpires: expires,
    },
  }
  session.keep(({ platforms }) => platforms.set(endorsement, { ...about, platform }))
  return platform
}

/**
 * What verifyPlatform found for these very documents under this anchor: with
 * other CRLs or TCB info they would be other documents. What remains is time;
 * outside of it the checks are done again, so that the right one refuses.
 */
export function recallPlatform(
  { memory }: Session,
  { tee, collateral, endorsement, anchor }: Subject,
  now: number,
): VerifiedPlatform | undefined {
  const known = memory.platforms.get(endorsement)
  const isSame = known?.collateral === collateral && known.anchor === anchor && known.tee === tee
  if (!isSame) return undefined
  const { from, facts } = known.platform
  return now >= from && now <= facts.collateralExpires ? known.platform : undefined
}

async function openJson<T extends { readonly issueDate: number; readonly nextUpdate: number }>(
  crypto: Crypto,
  signer: Certificate,
  document: SignedJson<T>,
  kind: 'TCB' | 'QEID',
  now: number,
): Promise<T> {
  const opened = await verifySignedJson(crypto, signer, document, `${kind}_SIGNATURE`)
  requireInForce(kind, jsonNames[kind], opened.issueDate, opened.nextUpdate, now)
  return opened
}

const jsonNames = { TCB: 'TCB info', QEID: 'QE identity' } as const

function describePlatform({ extension, ppidSha256 }: VerifiedPck) {
  const { fmspc, ppid, cpuSvn, configuration, ...platform } = extension
  return { fmspc, ppid, ppidSha256, platform: { ...platform, ...configuration } }
}

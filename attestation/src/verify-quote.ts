// Is a quote genuine? The checks in order; each returns a fact or refuses with
// its own code. Follows Intel's SGX/TDX DCAP Quote Verification Library and is
// stricter: notBefore and issueDate count, CAs must be CAs, the signed JSON is
// taken character by character, collateral past its date is refused, the QE's
// report data must end in zeros, and no byte of the collateral goes unread.
// Whether the enclave in the quote is wanted is another question: policy.ts.

import { type Crypto, type P256PublicKey, toHex } from '@vorta/core'
import { requireSoundAnchor, type TrustAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { verifyCrl } from './crl.ts'
import { refuse } from './errors.ts'
import { Memory, Session, type VerifiedPlatform } from './memory.ts'
import { type OpenedCollateral, openCollateral } from './opened-collateral.ts'
import { type OpenedEndorsement, openEndorsement, verifyQeReport } from './opened-endorsement.ts'
import { type VerifiedPck, verifyPckChain } from './pck-chain.ts'
import { requireInForce } from './period.ts'
import { checkQeReport, matchQeLevel } from './qe-identity.ts'
import { type CutQuote, cutQuote } from './quote.ts'
import { checkRoots, checkSpares, chooseAnchor } from './roots.ts'
import { isSignedBy, type Signed } from './signed-der.ts'
import { type SignedJson, verifySignedJson, verifySigner } from './signed-json.ts'
import { checkPlatform } from './tcb-info.ts'
import { judgeSgx, judgeTdx } from './tcb-levels.ts'
import { checkTdxModule } from './tdx-module.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import type { Certificate } from './x509.ts'

export type VerifyOptions = {
  /** The roots to trust; there is no default. */
  readonly anchors: readonly TrustAnchor[]
  /** The moment to judge by, in milliseconds since the epoch, from a clock the caller trusts. */
  readonly now: number
  /** What earlier verifications proved, for callers that verify many quotes. */
  readonly memory?: Memory
}

/** Throws VerificationError with one of `verificationCodes`, nothing else. */
export async function verifyQuote(
  crypto: Crypto,
  bytes: Uint8Array,
  untrusted: Collateral,
  { anchors, now, memory = new Memory() }: VerifyOptions,
): Promise<VerifiedQuote> {
  for (const anchor of anchors) requireSoundAnchor(anchor)
  const session = new Session(crypto, memory)
  const quote = cutQuote(bytes)
  const { collateral, pckChain } = openCollateral(session, untrusted)
  const endorsement = openEndorsement(session, quote, pckChain)
  // Not through the session: the signature of a quote is never worth remembering.
  const isSigned = crypto.verifyP256(endorsement.attestationKey, quote.signedData, quote.signature)

  const anchor = await chooseAnchor(session.crypto, endorsement.chain.intermediate, anchors)
  const about = { tee: quote.tee, collateral, endorsement, anchor }
  const platform =
    recallPlatform(session, about, now) ?? (await verifyPlatform(session, about, now))
  if (!(await isSigned)) {
    throw refuse('QUOTE_SIGNATURE', 'quote: not signed by its attestation key')
  }
  const verified: VerifiedQuote = {
    version: quote.version,
    anchor: { kind: anchor.kind, name: anchor.name },
    simulated: anchor.kind !== 'intel',
    ...judgeEnclave(quote, platform),
    ...platform.facts,
    reportData: quote.reportData,
    signedDigest: toHex(crypto.sha256(quote.signedData)),
  }
  await session.commit()
  return verified
}

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
    [tcbChain.signer.key, tcbInfo],
    [qeChain.signer.key, qeIdentity],
    [anchor.key, intermediate],
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
async function verifyPlatform(
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
function recallPlatform(
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

function judgeEnclave(quote: CutQuote, { tcbInfo, pck, qeLevel }: VerifiedPlatform) {
  if (quote.tee === 'tdx') {
    const { tee, report: td } = quote
    checkTdxModule(tcbInfo, td)
    return { tee, td, debug: td.tdAttributes.debug, ...judgeTdx(tcbInfo, pck, qeLevel, td) }
  }
  const { tee, report } = quote
  return {
    tee,
    debug: report.attributes.debug,
    attributes: report.attributes,
    mrenclave: report.mrenclave,
    mrsigner: report.mrsigner,
    isvProdId: report.isvProdId,
    isvSvn: report.isvSvn,
    ...judgeSgx(tcbInfo, pck, qeLevel),
  }
}

function describePlatform({ extension, ppidSha256 }: VerifiedPck) {
  const { fmspc, ppid, cpuSvn, configuration, ...platform } = extension
  return { fmspc, ppid, ppidSha256, platform: { ...platform, ...configuration } }
}

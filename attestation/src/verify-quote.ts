// Is a quote genuine? The checks in order; each returns a fact or refuses with
// its own code. Follows Intel's SGX/TDX DCAP Quote Verification Library and is
// stricter: notBefore and issueDate count, CAs must be CAs, the signed JSON is
// taken character by character, collateral past its date is refused, the QE's
// report data must end in zeros, and no byte of the collateral goes unread.
// Whether the enclave in the quote is wanted is another question: policy/judge.ts.

import { type Crypto, toHex } from '@vorta/core'
import { requireSoundAnchor, type TrustAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { refuse } from './errors.ts'
import { Memory, Session, type VerifiedPlatform } from './memory.ts'
import { openCollateral } from './opened-collateral.ts'
import { openEndorsement } from './opened-endorsement.ts'
import { type CutQuote, cutQuote } from './quote.ts'
import { chooseAnchor } from './roots.ts'
import { judgeSgx, judgeTdx } from './tcb-levels.ts'
import { checkTdxModule } from './tdx-module.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import { recallPlatform, verifyPlatform } from './verify-platform.ts'

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

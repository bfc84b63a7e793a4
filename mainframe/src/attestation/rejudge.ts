// Stored evidence judged once more: by the policy in force and by another one,
// as of when it was logged and as of now. As everywhere, what was logged is
// judged by the collateral of its day; newer collateral can only speak of now.

import {
  type AttestationPolicy,
  type Collateral,
  type Evidence,
  intelAnchor,
  type Judgement,
  judge,
  simulatedAnchor,
  type VerifiedEvidence,
  type VerifiedQuote,
  verifyEvidence,
} from '@vorta/attestation'
import { Memory } from '@vorta/attestation/memory'
import { type VerifiedCollateral, verifyCollateral } from '@vorta/attestation/verify-collateral'
import { type Crypto, parseJson, VerificationError } from '@vorta/core'
import type { EvidenceRecord } from '../records.ts'

/** A verdict in few words: the state, and what stands first against it. */
export type Ruling = {
  readonly state: Judgement['state']
  readonly rule: string
  readonly code: string
  readonly detail: string
  /** Milliseconds. */
  readonly graceDeadline?: number
}

export type Rulings = { readonly before: Ruling; readonly after: Ruling }

export type Proposal = {
  /** The policy in force. */
  readonly current: AttestationPolicy
  readonly proposed: AttestationPolicy
  /** Judges the platforms that it is about as of now, instead of their own. */
  readonly collateral?: Collateral
  /** Milliseconds. */
  readonly now: number
}

/** One row of evidence, ready to be judged for any moment. */
export type Reopened = {
  readonly asOf: (moment: number) => Promise<Rulings>
  readonly asOfNow: Rulings
  /** Whether the newer collateral is about its platform. */
  readonly recollateralised: boolean
}

export type Rejudge = (row: EvidenceRecord) => Promise<Reopened>

const anchors = [intelAnchor, simulatedAnchor]

// Our own rows, read back.
const maxRowBytes = 4 << 20

/** Throws VerificationError where the newer collateral is not genuine or not in force. */
export async function createRejudge(crypto: Crypto, proposal: Proposal): Promise<Rejudge> {
  const { current, proposed, collateral, now } = proposal
  const memory = new Memory()
  const about = collateral && (await verifyCollateral(crypto, collateral, { anchors, now }))

  /** Genuine at this moment, or why not. */
  async function verifiedAt(moment: number, evidence: Evidence): Promise<Verified> {
    try {
      return await verifyEvidence(crypto, evidence, { anchors, now: moment, memory })
    } catch (thrown) {
      if (thrown instanceof VerificationError) return thrown
      throw thrown
    }
  }

  return async (row) => {
    const evidence = parseJson(row.evidence, { maxBytes: maxRowBytes }) as unknown as Evidence
    const logged = await verifiedAt(row.appraisedAt, evidence)
    const applies = about !== undefined && isFact(logged) && isAbout(about, logged.quote)
    const own = await verifiedAt(now, evidence)
    const newer = applies && collateral ? await verifiedAt(now, { ...evidence, collateral }) : own
    return {
      asOf: async (moment) => {
        const lasts = holdsUntil(logged) > moment && moment >= row.appraisedAt
        const facts = lasts ? logged : await verifiedAt(moment, evidence)
        return { before: rule(current, facts, moment), after: rule(proposed, facts, moment) }
      },
      asOfNow: { before: rule(current, own, now), after: rule(proposed, newer, now) },
      recollateralised: applies,
    }
  }
}

type Verified = VerifiedEvidence | VerificationError

const isFact = (verified: Verified): verified is VerifiedEvidence =>
  !(verified instanceof VerificationError)

/** Nothing of genuine evidence runs out before this moment. */
const holdsUntil = (verified: Verified): number =>
  isFact(verified) ? verified.quote.collateralExpires : Number.NEGATIVE_INFINITY

const isAbout = ({ tee, tcbInfo, anchor }: VerifiedCollateral, quote: VerifiedQuote): boolean =>
  tee === quote.tee &&
  tcbInfo.fmspc === quote.fmspc &&
  tcbInfo.pceId === quote.platform.pceId &&
  anchor.kind === quote.anchor.kind

function rule(policy: AttestationPolicy, verified: Verified, moment: number): Ruling {
  if (!isFact(verified)) {
    const { code, message } = verified
    return { state: 'refused', rule: 'genuine', code, detail: message }
  }
  const { state, findings, graceDeadline } = judge(policy, verified.quote, moment, verified.dstack)
  const broken = findings.find(({ ok }) => !ok)
  return {
    state,
    rule: broken?.rule ?? '',
    code: broken?.code ?? '',
    detail: broken?.detail ?? verified.quote.status,
    ...(graceDeadline !== undefined && { graceDeadline }),
  }
}

// The Verifier (RFC 9334): evidence in, finding out. Verification (is it
// genuine, and does it bind what it has to?) and policy (do I accept it?) are
// two steps with their own checks, and both are listed. Keeps nothing.

import {
  type Evidence,
  intelAnchor,
  measurementOf,
  type QuoteEvidence,
  simulatedAnchor,
  type TrustAnchor,
  type Verdict,
  type VerifiedGuest,
  VerifierMemory,
  type VerifyOptions,
  verdictOf,
  verifyBound,
  verifyEvidence,
} from '@vorta/attestation'
import type { CollateralSource } from '@vorta/attestation/collateral-service/sources'
import type { NotGenuine } from '@vorta/attestation/ear'
import { refuse } from '@vorta/attestation/errors'
import { kindOfQuote } from '@vorta/attestation/quote-kind'
import {
  type Bytes,
  type Clock,
  type Crypto,
  concat,
  fromHex,
  toBase64,
  toHex,
  VerificationError,
} from '@vorta/core'
import type { Check, Finding } from './appraisal.ts'
import type { NamedPolicy } from './policies.ts'
import { type BareQuote, canonicalOf, type Presented } from './presented.ts'

export type Appraised = {
  readonly finding: Finding
  /** Canonical JSON of what was presented. */
  readonly evidence: Bytes
  /** What an EAR is made of. */
  readonly result: Verdict | NotGenuine
  /** The enclave's public key as DER, where the evidence is genuine and claims one. */
  readonly spki?: Uint8Array
}

export type Appraiser = {
  /**
   * `nonce` is the challenge sent, 64 hex digits; absent for evidence that answers none. Evidence
   * that is not genuine is a finding; throws where none can be made, as COLLATERAL_UNAVAILABLE.
   */
  appraise(presented: Presented, policy: NamedPolicy, nonce?: string): Promise<Appraised>
}

export type AppraiserDeps = {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly collateral: CollateralSource
}

/** What is known of genuine evidence. */
type Verified = VerifiedGuest & { readonly spki?: Uint8Array }

// Both anchors serve to verify, so that simulated evidence under a policy that
// does not name it is refused for what it is: SIMULATED, not "unknown root".
const anchors: readonly TrustAnchor[] = [intelAnchor, simulatedAnchor]

export function createAppraiser({ crypto, clock, collateral }: AppraiserDeps): Appraiser {
  // What was proven of a platform once need not be proven for each of its quotes.
  const memory = new VerifierMemory()

  async function appraise(presented: Presented, { policy, id }: NamedPolicy, nonce?: string) {
    const evidence = canonicalOf(presented)
    const now = clock.now()
    const options = { anchors, memory, now }
    const base = { sha256: toHex(crypto.sha256(evidence)), time: now }
    try {
      const verified =
        presented.kind === 'evidence'
          ? await verify(crypto, presented.evidence, options, nonce)
          : await verifyBare(crypto, collateral, presented, options, nonce)
      const verdict = verdictOf(crypto, policy, verified, now)
      const finding: Finding = { ...base, ...findingOf(verdict, nonce) }
      return { finding, evidence, result: verdict, ...(verified.spki && { spki: verified.spki }) }
    } catch (thrown) {
      if (!(thrown instanceof VerificationError)) throw thrown
      const finding: Finding = { ...base, ...refusalOf(presented, thrown) }
      return { finding, evidence, result: { error: thrown, policyDigest: id } }
    }
  }

  return { appraise }
}

const verify = (crypto: Crypto, evidence: Evidence, options: VerifyOptions, nonce?: string) =>
  verifyEvidence(crypto, evidence, { ...options, ...(nonce !== undefined && { nonce }) })

/** The same for a quote that comes without its envelope. */
async function verifyBare(
  crypto: Crypto,
  collateralOf: CollateralSource,
  { quote: bytes, collateral, eventLog, binding }: BareQuote,
  options: VerifyOptions,
  nonce?: string,
): Promise<Verified> {
  const bare: QuoteEvidence = {
    tee: kindOfQuote(bytes),
    quote: toBase64(bytes),
    collateral: collateral ?? (await collateralOf(bytes)),
    ...(eventLog !== undefined && { eventLog }),
  }
  switch (binding.kind) {
    case 'claims':
      return verify(crypto, { ...bare, claims: binding.claims }, options, nonce)
    case 'user-data': {
      const challenge = fromHex(nonce ?? '') ?? new Uint8Array()
      const reportData = crypto.sha512(concat(challenge, binding.data))
      return verifyBound(crypto, bare, reportData, options)
    }
    case 'report-data': {
      const verified = await verifyBound(crypto, bare, binding.data, options)
      // Whoever presents an old quote knows its report data: nothing ties that to the challenge.
      if (nonce === undefined) return verified
      throw refuse('NONCE_MISMATCH', 'nonce: report data given as it is answers no challenge')
    }
  }
}

function findingOf(verdict: Verdict, nonce: string | undefined): Omit<Finding, 'sha256' | 'time'> {
  const { quote, accepted, findings, notChecked, claims, graceDeadline } = verdict
  const broken = findings.find(({ ok }) => !ok)
  const genuine: Check = {
    name: 'genuine',
    ok: true,
    detail: `quote, chain, CRLs, TCB and QE identity hold under ${quote.anchor.name}`,
  }
  const fresh: Check = { name: 'fresh', ok: true, detail: `answers the challenge ${nonce}` }
  const open = { rule: 'fresh', detail: 'no challenge was sent: it may have been made long ago' }
  return {
    tee: quote.simulated ? 'simulated' : quote.tee,
    accepted,
    simulated: quote.simulated,
    status: quote.status,
    measurement: measurementOf(quote),
    advisoryIds: quote.advisoryIds,
    checks: [
      genuine,
      ...(nonce === undefined ? [] : [fresh]),
      ...findings.map(({ rule: name, ...finding }) => ({ name, ...finding })),
    ],
    notChecked: nonce === undefined ? [open, ...notChecked] : notChecked,
    claims,
    ...(broken?.code && { code: broken.code, message: broken.detail }),
    ...(graceDeadline !== undefined && { graceDeadline }),
  }
}

/** Evidence that is not genuine says nothing at all. */
function refusalOf(
  presented: Presented,
  { code, message }: VerificationError,
): Omit<Finding, 'sha256' | 'time'> {
  const tee = presented.kind === 'evidence' ? presented.evidence.tee : ''
  return {
    tee,
    accepted: false,
    simulated: tee === 'simulated',
    status: '',
    measurement: '',
    advisoryIds: [],
    checks: [{ name: 'genuine', ok: false, code, detail: message }],
    notChecked: [{ rule: 'policy', detail: 'what is not genuine is not judged' }],
    claims: [],
    code,
    message,
  }
}

// The verdict on one quote, as `quote verify` prints it: for scripts a flat
// record of facts, whose keys are there in any case.

import {
  type AttestationPolicy,
  type Collateral,
  judge,
  measurementOf,
  type TrustAnchor,
  type VerifiedQuote,
  type VerifierMemory,
  verifyQuote,
} from '@vorta/attestation'
import { fail, toRfc3339, VerificationError, VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { QuoteFile } from './quotes.ts'
import { withRoot } from './trust.ts'

/** What the command line says of all quotes alike. */
export type Settings = {
  readonly anchors: readonly TrustAnchor[]
  readonly allowSimulated: boolean
  /** Absent where only the question is asked whether the quote is genuine. */
  readonly policy?: AttestationPolicy
  /** Milliseconds; absent where none was given. */
  readonly moment?: number
}

type Inputs = Settings & {
  readonly quote: Uint8Array
  /** Decoded by the verifier, whatever it is. */
  readonly collateral: unknown
  /** Milliseconds. */
  readonly now: number
  readonly memory?: VerifierMemory
}

/** A root that the file itself names counts only where simulated evidence is asked for. */
export function verdictOn(
  file: QuoteFile,
  { moment, ...settings }: Settings,
  now: number,
  memory?: VerifierMemory,
): Promise<QuoteVerdict> {
  const { quote, collateral, rootPem } = file
  const anchors =
    rootPem !== undefined && settings.allowSimulated
      ? withRoot(rootPem, 'root named by the file', settings.anchors)
      : settings.anchors
  return quoteVerdict({ ...settings, quote, collateral, anchors, now, ...(memory && { memory }) })
}

/** Throws what is no verdict: a file that cannot be read, a wrong option. */
async function quoteVerdict(inputs: Inputs) {
  const { quote, anchors, now, allowSimulated, policy, memory } = inputs
  const at = toRfc3339(now)
  try {
    const options = { anchors, now, ...(memory && { memory }) }
    const collateral = inputs.collateral as Collateral
    const verified = await verifyQuote(nodeCrypto, quote, collateral, options)
    const facts = { ...factsOf(verified), at, ...judged(policy, verified, now) }
    if (!verified.simulated || allowSimulated) {
      return { outcome: 'verified', ...facts, rejectCode: null, rejectDetail: null } as const
    }
    return {
      outcome: 'rejected',
      ...facts,
      accepted: false,
      rejectCode: 'SIMULATED_NOT_ALLOWED',
      rejectDetail: `rests on ${verified.anchor.name}; --allow-simulated accepts it`,
    } as const
  } catch (thrown) {
    if (!(thrown instanceof VerificationError)) throw thrown
    return { outcome: 'rejected', ...nothingKnown, at, ...refusalOf(thrown) } as const
  }
}

export type QuoteVerdict = Awaited<ReturnType<typeof quoteVerdict>>

/** Refused, or genuine and not accepted by the policy that was given. */
export const isRefused = ({ outcome, accepted }: QuoteVerdict): boolean =>
  outcome === 'rejected' || accepted === false

/** A trust domain's measurements stand where an enclave's stand. */
function factsOf(quote: VerifiedQuote) {
  if (quote.tee === 'sgx') return { ...quote, measurement: measurementOf(quote) }
  const { td, ...facts } = quote
  return { ...facts, ...td, measurement: measurementOf(quote) }
}

function judged(policy: AttestationPolicy | undefined, quote: VerifiedQuote, now: number) {
  if (!policy) return { accepted: null, findings: [], notChecked: ['policy: none was given'] }
  const { accepted, findings, notChecked } = judge(policy, quote, now)
  return {
    accepted,
    findings,
    notChecked: notChecked.map(({ rule, detail }) => `${rule}: ${detail}`),
  }
}

const refusalOf = ({ code, message }: VortaError) => ({
  accepted: false,
  rejectCode: code,
  rejectDetail: message,
})

const nothingKnown = {
  tee: null,
  simulated: null,
  status: null,
  platformStatus: null,
  qeStatus: null,
  advisoryIds: [],
  tcbDate: null,
  tcbEvaluationDataNumber: null,
  debug: null,
  measurement: null,
  mrenclave: null,
  mrsigner: null,
  mrtd: null,
  findings: [],
  notChecked: [],
} as const

export const missingCollateral = () =>
  fail('USAGE', 'option --collateral is missing', {
    hints: ['a quote alone does not tell whether its platform is up to date'],
  })

/** A file that is no JSON where it has to be is no quote: that is a verdict, not a fault. */
export async function refusedFile(
  now: number,
  run: () => Promise<QuoteVerdict>,
): Promise<QuoteVerdict> {
  try {
    return await run()
  } catch (thrown) {
    if (!(thrown instanceof VortaError) || thrown.code !== 'MALFORMED_JSON') throw thrown
    return { outcome: 'rejected', ...nothingKnown, at: toRfc3339(now), ...refusalOf(thrown) }
  }
}

// What a relying party accepts of genuine quotes. A step of its own with an
// error class of its own: nothing in here can make a false quote true. Deny by
// default: an empty policy accepts nothing, since it names no enclave.

import {
  array,
  boolean,
  type Decoder,
  duration,
  integer,
  object,
  oneOf,
  optional,
  string,
  withDefault,
} from '@vorta/core/decode'
import { type PolicyFault, reject } from './errors.ts'
import type { TcbStatus } from './tcb-status.ts'
import type { VerifiedQuote } from './verified-quote.ts'

/** Statuses a policy may list. Revoked is not among them and can never be accepted. */
export type AcceptableStatus = Exclude<TcbStatus, 'Revoked'>

/** An enclave named by who signed it: its product, and the oldest version that is good enough. */
export type SignerRule = {
  readonly mrsigner: string
  readonly isvProdId: number
  readonly minIsvSvn: number
}

export type AttestationPolicy = {
  /** Kinds of enclave; default sgx. */
  readonly tees: readonly 'sgx'[]
  /** Accept simulated evidence, which proves nothing about hardware; default false. */
  readonly simulated: boolean
  /** Accept debug enclaves, whose memory the host can read; default false. */
  readonly debug: boolean
  /** Default UpToDate and SWHardeningNeeded. */
  readonly statuses: readonly AcceptableStatus[]
  /** The enclaves to accept: one entry of either list has to match. Default none. */
  readonly measurements: {
    readonly mrenclave: readonly string[]
    readonly mrsigner: readonly SignerRule[]
  }
  /** Refuse judgements of an older TCB evaluation than this one. */
  readonly minTcbEvaluationDataNumber?: number
  /** Kinds of platform, 12 hex digits each. `deny` wins; `allow` where present is complete. */
  readonly fmspc?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
  /** How long ago TCB info and QE identity may have been issued, in milliseconds. */
  readonly maxCollateralAge?: number
}

const hex = (digits: number): Decoder<string> =>
  string({
    pattern: new RegExp(`^[0-9a-f]{${digits}}$`),
    what: `${digits} lower-case hex digits`,
  })

const acceptable: Decoder<AcceptableStatus> = oneOf(
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
)

const signerRule: Decoder<SignerRule> = object({
  mrsigner: hex(64),
  isvProdId: integer(0, 0xffff),
  minIsvSvn: integer(0, 0xffff),
})

const measurements: Decoder<AttestationPolicy['measurements']> = object({
  mrenclave: withDefault(array(hex(64), 1024), []),
  mrsigner: withDefault(array(signerRule, 1024), []),
})

/** A policy as it stands in a YAML or JSON file; `maxCollateralAge` is written as "720h". */
export const policyDecoder: Decoder<AttestationPolicy> = object({
  tees: withDefault(array(oneOf('sgx'), 8), ['sgx'] as const),
  simulated: withDefault(boolean, false),
  debug: withDefault(boolean, false),
  statuses: withDefault(array(acceptable, 8), ['UpToDate', 'SWHardeningNeeded'] as const),
  measurements: withDefault(measurements, { mrenclave: [], mrsigner: [] }),
  minTcbEvaluationDataNumber: optional(integer(0, 1_000_000)),
  fmspc: optional(
    object({ allow: optional(array(hex(12), 1024)), deny: optional(array(hex(12), 1024)) }),
  ),
  maxCollateralAge: optional(duration),
})

export type PolicyFinding = {
  readonly rule: string
  readonly ok: boolean
  /** Present where the rule is broken. */
  readonly code?: PolicyFault
  readonly detail: string
}

export type Judgement = {
  readonly accepted: boolean
  readonly findings: readonly PolicyFinding[]
}

type Rule = {
  readonly name: string
  readonly code: PolicyFault
  readonly holds: (policy: AttestationPolicy, quote: VerifiedQuote, now: number) => boolean
  readonly detail: (policy: AttestationPolicy, quote: VerifiedQuote, now: number) => string
}

const rules: readonly Rule[] = [
  {
    name: 'tee',
    code: 'TEE_NOT_ALLOWED',
    holds: (policy, quote) => policy.tees.includes(quote.tee),
    detail: (policy, quote) => `${quote.tee}; accepted: ${list(policy.tees)}`,
  },
  {
    name: 'simulated',
    code: 'SIMULATED_NOT_ALLOWED',
    holds: (policy, quote) => !quote.simulated || policy.simulated,
    detail: (_, quote) =>
      quote.simulated
        ? `SIMULATED: rests on ${quote.anchor.name} and proves nothing about hardware`
        : `hardware, under ${quote.anchor.name}`,
  },
  {
    name: 'debug',
    code: 'DEBUG_NOT_ALLOWED',
    holds: (policy, quote) => !quote.debug || policy.debug,
    detail: (_, quote) => (quote.debug ? 'a debug enclave' : 'not a debug enclave'),
  },
  {
    // These attributes are for Intel's own enclaves; an application that has
    // them can read the platform's provisioning or launch keys.
    name: 'provisioning',
    code: 'PROVISIONING_NOT_ALLOWED',
    holds: (_, { attributes }) => !attributes.provisionKey && !attributes.einitTokenKey,
    detail: (_, { attributes }) => `attributes ${attributes.flags}`,
  },
  {
    name: 'tcb-status',
    code: 'TCB_STATUS_NOT_ALLOWED',
    holds: (policy, { status }) =>
      status !== 'Revoked' && policy.statuses.some((accepted) => accepted === status),
    detail: (policy, { status, advisoryIds }) =>
      `${status}; accepted: ${list(policy.statuses)}; advisories: ${list(advisoryIds)}`,
  },
  {
    name: 'measurement',
    code: 'MEASUREMENT_NOT_ALLOWED',
    holds: (policy, quote) => isListed(policy.measurements, quote),
    detail: (_, quote) =>
      `MRENCLAVE ${quote.mrenclave}, MRSIGNER ${quote.mrsigner}, product ${quote.isvProdId}, SVN ${quote.isvSvn}`,
  },
  {
    name: 'evaluation-number',
    code: 'EVALUATION_TOO_OLD',
    holds: ({ minTcbEvaluationDataNumber: least }, quote) =>
      least === undefined || quote.tcbEvaluationDataNumber >= least,
    detail: ({ minTcbEvaluationDataNumber: least }, quote) =>
      `${quote.tcbEvaluationDataNumber}; ${least === undefined ? 'no minimum' : `at least ${least}`}`,
  },
  {
    name: 'fmspc',
    code: 'FMSPC_NOT_ALLOWED',
    holds: ({ fmspc }, quote) =>
      !fmspc?.deny?.includes(quote.fmspc) && (fmspc?.allow?.includes(quote.fmspc) ?? true),
    detail: ({ fmspc }, quote) => `${quote.fmspc}; ${fmspc ? 'limited' : 'no limit'} by the policy`,
  },
  {
    name: 'collateral-age',
    code: 'COLLATERAL_TOO_OLD',
    holds: ({ maxCollateralAge: most }, quote, now) =>
      most === undefined || now - quote.tcbIssued <= most,
    detail: ({ maxCollateralAge: most }, quote, now) =>
      `${seconds(now - quote.tcbIssued)}; ${most === undefined ? 'no limit' : `at most ${seconds(most)}`}`,
  },
]

const list = (names: readonly string[]): string => (names.length > 0 ? names.join(', ') : 'none')
const seconds = (ms: number): string => `${Math.floor(ms / 1000)} s`

const isListed = (listed: AttestationPolicy['measurements'], quote: VerifiedQuote): boolean =>
  listed.mrenclave.includes(quote.mrenclave) ||
  listed.mrsigner.some(
    (rule) =>
      rule.mrsigner === quote.mrsigner &&
      rule.isvProdId === quote.isvProdId &&
      quote.isvSvn >= rule.minIsvSvn,
  )

/** Do I accept this genuine quote? Every rule is judged and listed; accepted only if all hold. */
export function judge(policy: AttestationPolicy, quote: VerifiedQuote, now: number): Judgement {
  const findings = rules.map(({ name: rule, code, holds, detail }): PolicyFinding => {
    const text = detail(policy, quote, now)
    return holds(policy, quote, now)
      ? { rule, ok: true, detail: text }
      : { rule, ok: false, code, detail: text }
  })
  return { accepted: findings.every((finding) => finding.ok), findings }
}

/**
 * The same, for callers that go on only with an accepted quote. Throws
 * PolicyError with the first broken rule's code; the hints name all of them.
 */
export function requireAccepted(
  policy: AttestationPolicy,
  quote: VerifiedQuote,
  now: number,
): Judgement {
  const judgement = judge(policy, quote, now)
  const broken = judgement.findings.filter((finding) => !finding.ok)
  const first = broken[0]
  if (first?.code) {
    throw reject(
      first.code,
      `policy rule ${first.rule}: ${first.detail}`,
      Object.fromEntries(broken.map(({ rule, code }) => [rule, code ?? ''])),
      broken.map(({ rule, detail }) => `${rule}: ${detail}`),
    )
  }
  return judgement
}

// Which enclaves and TDs: one entry of the policy's lists has to fit. What an
// entry leaves open is said, and so is where it falls short.

import type { DstackClaims } from '../dstack/claims.ts'
import type { VerifiedSgxQuote, VerifiedTdxQuote } from '../verified-quote.ts'
import type { Allowed, AttestationPolicy, TdRule } from './policy.ts'
import { type Answer, answer, type NotChecked, type Rule, type Subject } from './rule.ts'

type Measurements = AttestationPolicy['measurements']

export const measurementRule: Rule = {
  name: 'measurement',
  judge: ({ measurements }, { quote, dstack }) =>
    quote.tee === 'sgx' ? judgeSgx(measurements, quote) : judgeTd(measurements.td, quote, dstack),
}

function judgeSgx(listed: Measurements, quote: VerifiedSgxQuote): Answer {
  const { mrenclave, mrsigner, isvProdId, isvSvn } = quote
  const detail = `MRENCLAVE ${mrenclave}, MRSIGNER ${mrsigner}, product ${isvProdId}, SVN ${isvSvn}`
  if (listed.mrenclave.includes(mrenclave)) return answer(true, 'MEASUREMENT_NOT_ALLOWED', detail)
  const signed = listed.mrsigner.some(
    (rule) =>
      rule.mrsigner === mrsigner && rule.isvProdId === isvProdId && isvSvn >= rule.minIsvSvn,
  )
  if (!signed) return answer(false, 'MEASUREMENT_NOT_ALLOWED', detail)
  const anyBuild = { rule: 'mrenclave', detail: 'accepted by its signer: any build of the product' }
  return { outcome: 'holds', detail, notChecked: [anyBuild] }
}

function judgeTd(
  rules: readonly TdRule[],
  quote: VerifiedTdxQuote,
  dstack: DstackClaims | undefined,
): Answer {
  const facts = factsOf(quote, dstack)
  const detail = `MRTD ${quote.td.mrtd}`
  const shortfalls = rules.map((rule) => shortfallOf(rule, facts))
  const fits = rules.find((_, at) => shortfalls[at] === undefined)
  if (!fits) {
    const reasons = [...new Set(shortfalls)].slice(0, maxReasons).join('; ')
    return answer(
      false,
      'MEASUREMENT_NOT_ALLOWED',
      `${detail}; ${reasons || 'no td rule is listed'}`,
    )
  }
  return { outcome: 'holds', detail, notChecked: openMembers(fits) }
}

// A policy for a fleet has many rules, and most fall short in the same member.
const maxReasons = 4

type Member = keyof TdRule
type Facts = Readonly<Record<Member, string | undefined>>

function factsOf({ td }: VerifiedTdxQuote, dstack: Subject['dstack']): Facts {
  const [rtmr0, rtmr1, rtmr2, rtmr3] = td.rtmrs
  const { mrtd, mrConfigId, mrOwner, mrOwnerConfig } = td
  const { composeHash, appId, osImageHash } = dstack ?? {}
  const measured = { mrtd, rtmr0, rtmr1, rtmr2, rtmr3, mrConfigId, mrOwner, mrOwnerConfig }
  return { ...measured, composeHash, appId, osImageHash }
}

/** The first member of a rule that does not fit; undefined where all do. */
function shortfallOf(rule: TdRule, facts: Facts): string | undefined {
  for (const [member, values] of Object.entries(rule) as [Member, Allowed][]) {
    if (values === 'any') continue
    const value = facts[member]
    if (value === undefined) return `${member} is not known: there is no verified event log`
    if (!values.includes(value)) return `${member} ${value} is not listed`
  }
  return undefined
}

const openMembers = (rule: TdRule): readonly NotChecked[] =>
  (['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const)
    .filter((member) => rule[member] === 'any' || rule[member] === undefined)
    .map((member) => ({ rule: member, detail: 'the policy accepts any value' }))

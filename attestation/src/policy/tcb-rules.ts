// Rules about how well the platform is patched, and by how new a judgement.

import { toRfc3339 } from '@vorta/core'
import type { TcbVerdict, VerifiedQuote } from '../verified-quote.ts'
import { timeOf } from './decoder.ts'
import { graceDeadline } from './grace.ts'
import type { AttestationPolicy } from './policy.ts'
import { type Answer, answer, list, open, type Rule } from './rule.ts'

/**
 * A TD report 1.5 tells two TCBs: what the TD was launched with, and what the
 * platform has now. Either may be the worse one, so both have to pass.
 */
const judgedOf = (quote: VerifiedQuote): readonly TcbVerdict[] =>
  quote.tee === 'tdx' && quote.current ? [quote, quote.current] : [quote]

/** Revoked is asked for by name: a policy object made by hand might list it. */
const isAccepted = ({ statuses }: AttestationPolicy, { status }: TcbVerdict): boolean =>
  status !== 'Revoked' && statuses.includes(status)

export const statusRule: Rule = {
  name: 'tcb-status',
  judge: (policy, { quote }, now): Answer => {
    const judged = judgedOf(quote)
    const words = [...new Set(judged.map(({ status }) => status))].join(', now ')
    const text = `${words}; accepted: ${list(policy.statuses)}`
    const late = judged.filter((verdict) => !isAccepted(policy, verdict))
    if (late.length === 0) return answer(true, 'TCB_STATUS_NOT_ALLOWED', text)

    // A status without a deadline makes the earliest one NaN, which no time is before.
    const deadline = Math.min(
      ...late.map((verdict) => graceDeadline(policy.grace, verdict) ?? Number.NaN),
    )
    if (!Number.isFinite(deadline)) return answer(false, 'TCB_STATUS_NOT_ALLOWED', text)
    const end = toRfc3339(deadline)
    return now < deadline
      ? { outcome: 'holds', detail: `${text}; in grace until ${end}`, graceDeadline: deadline }
      : {
          outcome: 'broken',
          code: 'GRACE_EXPIRED',
          detail: `${text}; grace ended ${end}`,
          graceDeadline: deadline,
        }
  },
}

export const advisoryRule: Rule = {
  name: 'advisories',
  judge: ({ advisories }, { quote }) => {
    const judged = judgedOf(quote).map(({ status, advisoryIds }) => ({
      advisoryIds,
      listed: status === 'Revoked' ? undefined : advisories?.[status],
    }))
    const ids = [...new Set(judged.flatMap(({ advisoryIds }) => advisoryIds))].sort()
    if (judged.every(({ listed }) => !listed)) {
      return open(`${list(ids)}; the policy limits none for this status`)
    }
    const missing = judged.flatMap(({ advisoryIds, listed }) =>
      listed ? advisoryIds.filter((id) => !listed.includes(id)) : [],
    )
    return missing.length === 0
      ? answer(true, 'ADVISORY_NOT_ALLOWED', `${list(ids)}; all listed`)
      : answer(false, 'ADVISORY_NOT_ALLOWED', `not listed: ${list([...new Set(missing)])}`)
  },
}

export const evaluationRule: Rule = {
  name: 'evaluation-number',
  judge: ({ minTcbEvaluationDataNumber: least }, { quote }) => {
    const got = quote.tcbEvaluationDataNumber
    if (least === undefined) return open(`${got}; no minimum`)
    return answer(got >= least, 'EVALUATION_TOO_OLD', `${got}; at least ${least}`)
  },
}

export const tcbDateRule: Rule = {
  name: 'tcb-date',
  judge: ({ minTcbDate: least }, { quote }) => {
    const dates = judgedOf(quote).map(({ tcbDate }) => tcbDate)
    const got = [...new Set(dates)].join(', now ')
    if (least === undefined) return open(`${got}; no minimum`)
    const ok = dates.every((date) => timeOf(date) >= timeOf(least))
    return answer(ok, 'TCB_TOO_OLD', `${got}; at least ${least}`)
  },
}

export const collateralAgeRule: Rule = {
  name: 'collateral-age',
  judge: ({ maxCollateralAge: most }, { quote }, now) => {
    const age = now - quote.tcbIssued
    if (most === undefined) return open(`${seconds(age)}; no limit`)
    return answer(age <= most, 'COLLATERAL_TOO_OLD', `${seconds(age)}; at most ${seconds(most)}`)
  },
}

const seconds = (ms: number): string => `${Math.floor(ms / 1000)} s`

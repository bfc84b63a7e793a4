// A policy as it stands in a YAML or JSON file. Closed objects, one spelling for
// each value, and nothing is left open that is not left open in writing.

import { fromRfc3339 } from '@vorta/core'
import {
  array,
  boolean,
  type Decoder,
  duration,
  integer,
  object,
  oneOf,
  optional,
  refine,
  rfc3339,
  section,
  string,
  withDefault,
} from '@vorta/core/decode'
import {
  type AcceptableStatus,
  type Allowed,
  type AttestationPolicy,
  acceptableStatuses,
  type Grace,
  type Listing,
  type SignerRule,
  type TdRule,
} from './policy.ts'

// Far more than any fleet lists; a judgement looks at all of them.
const maxEntries = 1024

const hex = (...digits: readonly number[]): Decoder<string> =>
  string({
    pattern: new RegExp(`^(?:${digits.map((count) => `[0-9a-f]{${count}}`).join('|')})$`),
    what: `${digits.join(' or ')} lower-case hex digits`,
  })

const listOf = <T>(item: Decoder<T>) => array(item, maxEntries)

/** A list that names something: an empty one would match nothing, which nobody means. */
const some = (digits: number) =>
  refine(listOf(hex(digits)), ({ length }) => length > 0, 'a list of at least one value')

const allowed = (digits: number): Decoder<Allowed> => {
  const values = some(digits)
  return (value) => (typeof value === 'string' ? oneOf('any')(value) : values(value))
}

const notRevoked = refine(
  (value) => value,
  (value) => value !== 'Revoked',
  'a status other than Revoked, which can never be accepted',
)

const status: Decoder<AcceptableStatus> = (value) => oneOf(...acceptableStatuses)(notRevoked(value))

const signerRule: Decoder<SignerRule> = object({
  mrsigner: hex(64),
  isvProdId: integer(0, 0xffff),
  minIsvSvn: integer(0, 0xffff),
})

const tdMembers: Decoder<TdRule> = object({
  mrtd: some(96),
  rtmr0: allowed(96),
  rtmr1: allowed(96),
  rtmr2: allowed(96),
  rtmr3: optional(allowed(96)),
  composeHash: optional(some(64)),
  appId: optional(some(40)),
  osImageHash: optional(some(64)),
  mrConfigId: optional(some(96)),
  mrOwner: optional(some(96)),
  mrOwnerConfig: optional(some(96)),
})

const namesWhatRuns = refine(
  tdMembers,
  ({ rtmr3, composeHash, mrConfigId }) => (rtmr3 ?? composeHash ?? mrConfigId) !== undefined,
  'composeHash, mrConfigId or rtmr3 to say what runs in the TD (rtmr3: any accepts all)',
)

/** What the host sets or the system in the TD writes: any system that is not known may say the same. */
const onlyStated = ['rtmr3', 'composeHash', 'appId', 'osImageHash', 'mrConfigId'] as const

const tdRule: Decoder<TdRule> = refine(
  namesWhatRuns,
  (rule) =>
    (rule.rtmr1 !== 'any' && rule.rtmr2 !== 'any') ||
    onlyStated.every((member) => rule[member] === undefined || rule[member] === 'any'),
  `lists in rtmr1 and rtmr2, without which ${onlyStated.join(', ')} prove nothing`,
)

const listing = (digits: readonly number[]): Decoder<Listing> =>
  object({ allow: optional(listOf(hex(...digits))), deny: optional(listOf(hex(...digits))) })

// A grace of years is none; and every deadline has to be a date that can be shown.
const maxGraceDays = 3650

const period = refine(
  duration,
  (ms) => ms <= maxGraceDays * 86_400_000,
  `a period of at most ${maxGraceDays} days, such as "14d"`,
)

const grace: Decoder<Grace> = refine(
  object({
    statuses: array(status, acceptableStatuses.length),
    period: optional(period),
    until: optional(rfc3339),
  }),
  ({ period, until }) => (period === undefined) !== (until === undefined),
  'exactly one of period ("14d") and until ("2026-01-31T12:00:00Z")',
)

const advisories: Decoder<NonNullable<AttestationPolicy['advisories']>> = object(
  Object.fromEntries(
    acceptableStatuses.map((name) => [
      name,
      optional(
        listOf(
          string({ pattern: /^[A-Z0-9-]{1,64}$/, what: 'an advisory such as "INTEL-SA-00615"' }),
        ),
      ),
    ]),
  ),
)

const measurements = section(
  object({
    mrenclave: withDefault(listOf(hex(64)), []),
    mrsigner: withDefault(listOf(signerRule), []),
    td: withDefault(listOf(tdRule), []),
  }),
)

/** A policy as it stands in a file; durations are written as "720h" or "30d". */
export const policyDecoder: Decoder<AttestationPolicy> = refine(
  object({
    tees: withDefault(array(oneOf('sgx', 'tdx'), 2), ['sgx'] as const),
    simulated: withDefault(boolean, false),
    debug: withDefault(boolean, false),
    measurements,
    statuses: withDefault(array(status, acceptableStatuses.length), [
      'UpToDate',
      'SWHardeningNeeded',
    ] as const),
    grace: optional(grace),
    advisories: optional(advisories),
    minTcbEvaluationDataNumber: optional(integer(0, 1_000_000)),
    minTcbDate: optional(rfc3339),
    maxCollateralAge: optional(duration),
    fmspc: optional(listing([12])),
    platforms: optional(listing([32, 64])),
    sgxTypes: optional(array(oneOf('Standard', 'Scalable', 'ScalableWithIntegrity'), 3)),
    requireNotDynamicPlatform: withDefault(boolean, false),
    requireNotCachedKeys: withDefault(boolean, false),
    requireSmtOff: withDefault(boolean, false),
    tdx: section(
      object({
        requireSeptVeDisable: withDefault(boolean, true),
        migratable: withDefault(boolean, false),
        serviceTds: withDefault(listOf(hex(96)), []),
      }),
    ),
  }),
  ({ statuses, grace: late }) => !late?.statuses.some((name) => statuses.includes(name)),
  'a status either in statuses or in grace.statuses, not in both',
)

/** Milliseconds of a time that the decoder has let through. */
export const timeOf = (text: string): number => fromRfc3339(text) ?? Number.NaN

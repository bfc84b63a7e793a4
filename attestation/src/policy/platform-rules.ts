// Rules about the machine: its kind, whether it is one of the known ones, and
// how it is set up. What a certificate does not say does not meet a requirement.

import type { PolicyFault } from '../errors.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import type { AttestationPolicy, Listing } from './policy.ts'
import { answer, list, open, type Rule } from './rule.ts'

export const fmspcRule: Rule = {
  name: 'fmspc',
  judge: ({ fmspc }, { quote }) =>
    fmspc
      ? answer(passes(fmspc, [quote.fmspc]), 'FMSPC_NOT_ALLOWED', quote.fmspc)
      : open(`${quote.fmspc}; the policy limits no kind of platform`),
}

export const platformRule: Rule = {
  name: 'platform',
  judge: ({ platforms }, { quote }) => {
    const names = [
      quote.ppidSha256,
      ...(quote.platform.instanceId ? [quote.platform.instanceId] : []),
    ]
    const detail = names.join(', instance ')
    const stranger = `${detail}; the policy knows no single platforms`
    if (!platforms) return open(stranger)
    const answered = answer(passes(platforms, names), 'PLATFORM_NOT_ALLOWED', detail)
    const unlisted = { rule: 'platform', detail: stranger }
    return platforms.allow ? answered : { ...answered, notChecked: [unlisted] }
  },
}

/** One of the names is allowed, and none is denied. */
const passes = ({ allow, deny = [] }: Listing, names: readonly string[]): boolean =>
  !names.some((name) => deny.includes(name)) &&
  (allow === undefined || names.some((name) => allow.includes(name)))

export const sgxTypeRule: Rule = {
  name: 'sgx-type',
  judge: ({ sgxTypes }, { quote }) => {
    const { sgxType } = quote.platform
    if (!sgxTypes) return open(`${sgxType}; the policy limits no type`)
    const detail = `${sgxType}; accepted: ${list(sgxTypes)}`
    return answer(sgxTypes.includes(sgxType), 'SGX_TYPE_NOT_ALLOWED', detail)
  },
}

/** A property that a Platform CA states, and a Processor CA does not. */
const configurationRule = (
  name: string,
  code: PolicyFault,
  required: (policy: AttestationPolicy) => boolean,
  stated: (platform: VerifiedQuote['platform']) => boolean | undefined,
): Rule => ({
  name,
  judge: (policy, { quote }) => {
    const value = stated(quote.platform)
    const detail = value === undefined ? 'the certificate does not say' : value ? 'yes' : 'no'
    return required(policy)
      ? answer(value === false, code, detail)
      : open(`${detail}; not asked for`)
  },
})

export const dynamicPlatformRule = configurationRule(
  'dynamic-platform',
  'DYNAMIC_PLATFORM_NOT_ALLOWED',
  ({ requireNotDynamicPlatform }) => requireNotDynamicPlatform,
  ({ dynamicPlatform }) => dynamicPlatform,
)

export const cachedKeysRule = configurationRule(
  'cached-keys',
  'CACHED_KEYS_NOT_ALLOWED',
  ({ requireNotCachedKeys }) => requireNotCachedKeys,
  ({ cachedKeys }) => cachedKeys,
)

export const smtRule = configurationRule(
  'smt',
  'SMT_NOT_ALLOWED',
  ({ requireSmtOff }) => requireSmtOff,
  ({ smtEnabled }) => smtEnabled,
)

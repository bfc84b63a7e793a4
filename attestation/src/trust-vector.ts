// The trustworthiness vector of AR4SI (draft-ietf-rats-ar4si, section 2.3): what
// a verdict means in terms that relying parties of other systems understand.
// docs/policy.md has the mapping as a table; the words of AR4SI are at the values.

import type { Verdict } from './policy/verdict.ts'

export const trustClaims = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const
export type TrustClaim = (typeof trustClaims)[number]

/** Claims that are absent are 0: the evidence says nothing about them. */
export type TrustVector = { readonly [C in TrustClaim]?: number }

export const trustTiers = ['none', 'affirming', 'warning', 'contraindicated'] as const
export type TrustTier = (typeof trustTiers)[number]

/** Section 2.3.2: negative values are the same tiers, for reasons of the verifier's own. */
export function tierOf(value: number): TrustTier {
  const size = value < 0 ? -value : value
  if (size > 96 || value === 96) return 'contraindicated'
  if (size > 32 || value === 32) return 'warning'
  return size >= 2 ? 'affirming' : 'none'
}

/** Software stands in for hardware, with the policy's consent. AR4SI has no value of its own for that. */
export const simulatedHardware = -33

const approvedAtBoot = 3
const affirmed = 2
const unsafe = 32
const unrecognized = 33
const contraindicated = 96
const unknownHardware = 97
const cryptographyFailed = 99

/** Evidence that is not genuine says nothing true about anything. */
export const failedVector: TrustVector = Object.fromEntries(
  trustClaims.map((claim) => [claim, cryptographyFailed]),
)

export function trustVectorOf(verdict: Verdict): TrustVector {
  const { simulated } = verdict.quote
  const identity = identityOf(verdict)
  return {
    ...(identity !== undefined && { 'instance-identity': identity }),
    configuration: configurationOf(verdict),
    executables: executablesOf(verdict),
    hardware: hardwareOf(verdict),
    // Nobody but the host keeps a simulated enclave's memory closed: no claim.
    ...(!simulated && { 'runtime-opaque': opaqueOf(verdict) }),
  }
}

const broken = ({ findings }: Verdict, ...rules: readonly string[]): boolean =>
  findings.some(({ rule, ok }) => !ok && rules.includes(rule))

const holds = ({ findings }: Verdict, rule: string): boolean =>
  findings.some((finding) => finding.rule === rule && finding.ok)

const isOpen = ({ notChecked }: Verdict, ...rules: readonly string[]): boolean =>
  notChecked.some(({ rule }) => rules.includes(rule))

/** Only a policy that lists platforms knows the instance; a kind of platform is no identity. */
function identityOf(verdict: Verdict): number | undefined {
  if (broken(verdict, 'platform')) return unknownHardware
  return isOpen(verdict, 'platform') || verdict.quote.simulated ? undefined : affirmed
}

/** A TD whose kernel or initrd may be any runs nobody knows what. */
const executablesOf = (verdict: Verdict): number =>
  holds(verdict, 'measurement') && !isOpen(verdict, 'rtmr1', 'rtmr2')
    ? approvedAtBoot
    : unrecognized

function configurationOf(verdict: Verdict): number {
  const { quote } = verdict
  const refused = broken(
    verdict,
    'debug',
    'provisioning',
    'td-attributes',
    'sept-ve',
    'migratable',
    'service-td',
    'dynamic-platform',
    'cached-keys',
    'smt',
  )
  if (refused) return contraindicated
  return quote.debug || quote.status.includes('Configuration') ? unsafe : affirmed
}

/** UpToDate is the one status that leaves nothing to be said against the hardware. */
function hardwareOf(verdict: Verdict): number {
  const { quote } = verdict
  if (broken(verdict, 'simulated', 'tee', 'fmspc', 'sgx-type')) return unknownHardware
  if (broken(verdict, ...tcbRules)) return contraindicated
  if (quote.simulated) return simulatedHardware
  const current = quote.tee === 'tdx' ? quote.current : undefined
  return [quote, current ?? quote].every(({ status }) => status === 'UpToDate') ? affirmed : unsafe
}

const tcbRules = ['tcb-status', 'advisories', 'evaluation-number', 'tcb-date', 'collateral-age']

function opaqueOf(verdict: Verdict): number {
  if (!verdict.quote.debug) return affirmed
  return broken(verdict, 'debug') ? contraindicated : unsafe
}

/** The worst of the claims; a refused verdict is contraindicated whatever they say. */
export function statusOf(accepted: boolean, vector: TrustVector): TrustTier {
  if (!accepted) return 'contraindicated'
  const tiers = Object.values(vector).map((value) => trustTiers.indexOf(tierOf(value)))
  return trustTiers[Math.max(0, ...tiers)] ?? 'none'
}

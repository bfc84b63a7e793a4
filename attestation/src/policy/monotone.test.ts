// Adding a restriction to a policy never turns refused into accepted, and never
// ends a grace later; for any policy, any quote and any restriction.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { day, now } from '../../test/fixture.ts'
import { dstack, readPolicy, sgxQuote, td, tdQuote, tdRule } from '../../test/judging.ts'
import { enclaveTcbStatuses, type TcbStatus, tcbStatuses } from '../tcb-status.ts'
import type { VerifiedQuote } from '../verified-quote.ts'
import { judge } from './judge.ts'
import { type AttestationPolicy, acceptableStatuses } from './policy.ts'

const sgx = await sgxQuote()
const tdx = await tdQuote()

const advisory = fc.constantFrom('INTEL-SA-00001', 'INTEL-SA-00002', 'INTEL-SA-00003')
const some = <T>(values: readonly T[]) => fc.subarray([...values])
/** A policy with every limit at once accepts next to nothing, so that nothing would be shown. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const mostly = <T>(usual: T, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other })

const tcb = fc.record({
  status: mostly<TcbStatus>('UpToDate', fc.constantFrom(...tcbStatuses)),
  qeStatus: fc.constantFrom(...enclaveTcbStatuses),
  advisoryIds: fc.uniqueArray(advisory, { maxLength: 2 }),
  tcbDate: fc.constantFrom('2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'),
  requiredSince: fc.integer({ min: now - 60 * day, max: now }),
})

const changes = fc.record({
  debug: mostly(false, fc.boolean()),
  simulated: fc.boolean(),
  tcbEvaluationDataNumber: fc.integer({ min: 16, max: 20 }),
  tcbIssued: fc.integer({ min: now - 40 * day, max: now }),
})

const quotes: fc.Arbitrary<VerifiedQuote> = fc.oneof(
  fc.tuple(tcb, changes).map(([level, change]) => ({ ...sgx, ...level, ...change })),
  fc
    .tuple(tcb, tcb, changes, mostly(true, fc.boolean()), mostly(false, fc.boolean()))
    .map(([launch, current, change, septVeDisable, migratable]) => ({
      ...tdx,
      ...launch,
      ...change,
      current: { ...tdx, ...current },
      td: { ...td, tdAttributes: { ...td.tdAttributes, septVeDisable, migratable } },
    })),
)

const compact = (value: object) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))

const listing = (...values: readonly string[]) =>
  maybe(
    fc
      .record({ allow: maybe(mostly([...values], some(values))), deny: maybe(some(values)) })
      .map(compact),
  )

const policies = fc
  .record({
    tees: mostly(['sgx', 'tdx'], some(['sgx', 'tdx'])),
    simulated: mostly(true, fc.boolean()),
    debug: fc.boolean(),
    statuses: fc.subarray([...acceptableStatuses], { minLength: 4 }),
    grace: maybe(fc.record({ statuses: some(acceptableStatuses), days: fc.nat(60) })),
    advisories: maybe(
      fc.dictionary(fc.constantFrom(...acceptableStatuses), fc.uniqueArray(advisory)),
    ),
    minTcbEvaluationDataNumber: maybe(fc.integer({ min: 16, max: 20 })),
    fmspc: listing(sgx.fmspc),
    platforms: listing(sgx.ppidSha256, sgx.platform.instanceId!),
    maxCollateralAge: maybe(fc.integer({ min: 1, max: 40 }).map((days) => `${days}d`)),
    requireSmtOff: fc.boolean(),
    tdx: fc.record({ requireSeptVeDisable: fc.boolean(), migratable: fc.boolean() }),
    measurements: fc.record({
      mrenclave: mostly([sgx.mrenclave], some([sgx.mrenclave])),
      td: fc.constantFrom([tdRule], [{ ...tdRule, composeHash: [dstack.composeHash] }], []),
    }),
  })
  .map(({ grace, ...rest }) => {
    const late = grace?.statuses.filter((status) => !rest.statuses.includes(status))
    return readPolicy(
      compact({ ...rest, grace: late && { statuses: late, period: `${grace?.days}d` } }),
    )
  })

/** Ways to make any policy stricter. */
const restrictions: readonly ((policy: AttestationPolicy) => AttestationPolicy)[] = [
  (policy) => ({ ...policy, tees: policy.tees.slice(1) }),
  (policy) => ({ ...policy, simulated: false }),
  (policy) => ({ ...policy, debug: false }),
  (policy) => ({ ...policy, statuses: policy.statuses.slice(1) }),
  ({ grace, ...policy }) => policy,
  ({ grace, ...policy }) =>
    grace
      ? { ...policy, grace: { ...grace, period: Math.floor((grace.period ?? 0) / 2) } }
      : policy,
  (policy) => ({
    ...policy,
    advisories: Object.fromEntries(
      acceptableStatuses.map((status) => [status, policy.advisories?.[status]?.slice(1) ?? []]),
    ),
  }),
  (policy) => ({
    ...policy,
    minTcbEvaluationDataNumber: (policy.minTcbEvaluationDataNumber ?? 15) + 1,
  }),
  (policy) => ({ ...policy, minTcbDate: '2024-06-01T00:00:00Z' }),
  (policy) => ({ ...policy, maxCollateralAge: (policy.maxCollateralAge ?? 80 * day) / 2 }),
  (policy) => ({
    ...policy,
    fmspc: { ...policy.fmspc, allow: policy.fmspc?.allow?.slice(1) ?? [] },
  }),
  (policy) => ({ ...policy, platforms: { ...policy.platforms, deny: [sgx.ppidSha256] } }),
  (policy) => ({ ...policy, sgxTypes: ['Scalable'] }),
  (policy) => ({ ...policy, requireNotDynamicPlatform: true, requireSmtOff: true }),
  (policy) => ({
    ...policy,
    tdx: { ...policy.tdx, requireSeptVeDisable: true, migratable: false },
  }),
  ({ measurements, ...policy }) => ({
    ...policy,
    measurements: {
      mrenclave: measurements.mrenclave.slice(1),
      mrsigner: [],
      td: measurements.td.slice(1),
    },
  }),
]

const strictness = { accepted: 0, grace: 1, refused: 2 } as const

test('a restriction never turns refused into accepted', () => {
  const seen = { accepted: 0, grace: 0, refused: 0 }
  const property = fc.property(
    policies,
    quotes,
    fc.constantFrom(...restrictions),
    maybe(fc.constant(dstack)),
    (policy, quote, restrict, claims) => {
      const before = judge(policy, quote, now, claims)
      const after = judge(restrict(policy), quote, now, claims)
      seen[before.state]++
      assert.ok(after.accepted <= before.accepted, 'refused before, accepted after')
      assert.equal(after.accepted, after.state !== 'refused')
      if (after.state === 'grace' && before.state === 'grace') {
        assert.ok(after.graceDeadline! <= before.graceDeadline!)
      }
      // Losing an accepted status may only lead into grace where grace names it.
      assert.ok(strictness[after.state] >= strictness[before.state] || !before.accepted)
    },
  )
  fc.assert(property, { seed: 20_261_122, numRuns: 4000 })
  assert.ok(seen.accepted > 50 && seen.refused > 50, JSON.stringify(seen))
})

test('time and a missing event log only ever take away', () => {
  const property = fc.property(policies, quotes, fc.nat(100), (policy, quote, days) => {
    const later = judge(policy, quote, now + days * day, dstack)
    assert.ok(later.accepted <= judge(policy, quote, now, dstack).accepted)
    assert.ok(judge(policy, quote, now).accepted <= judge(policy, quote, now, dstack).accepted)
  })
  fc.assert(property, { seed: 20_261_122, numRuns: 2000 })
})

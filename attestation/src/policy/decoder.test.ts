import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '@vorta/core/config'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import { readPolicy, tdRule } from '../../test/judging.ts'
import { policyDecoder } from './decoder.ts'
import { policyDigest } from './verdict.ts'

const [app, hash, config] = ['aa'.repeat(20), 'cc'.repeat(32), '01'.repeat(48)]

const bad: readonly (readonly [policy: object, message: RegExp])[] = [
  [{ simulate: true }, /simulate: expected only the fields/],
  [{ debug: 'yes' }, /debug: expected true or false/],
  [{ tees: ['sev'] }, /tees\[0\]: expected "sgx" or "tdx"/],
  [{ statuses: ['Revoked'] }, /statuses\[0\]: .* Revoked, which can never be accepted/],
  [{ statuses: ['Fine'] }, /statuses\[0\]: expected "UpToDate"/],
  [{ statuses: 'UpToDate' }, /statuses: expected a list/],
  [{ measurements: { mrenclave: ['AA'.repeat(32)] } }, /64 lower-case hex digits/],
  [{ measurements: { mrsigner: [{ mrsigner: 'ab'.repeat(32) }] } }, /isvProdId/],
  [{ measurements: { td: [{ ...tdRule, mrtd: [] }] } }, /at least one value/],
  [{ measurements: { td: [{ ...tdRule, mrtd: 'any' }] } }, /mrtd: expected a list/],
  [{ measurements: { td: [{ ...tdRule, rtmr1: 'all' }] } }, /rtmr1: expected "any"/],
  [{ measurements: { td: [{ mrtd: tdRule.mrtd }] } }, /rtmr0/],
  [{ measurements: { td: [{ ...tdRule, rtmr3: undefined }] } }, /what runs in the TD/],
  [
    { measurements: { td: [{ ...tdRule, rtmr3: undefined, appId: [app] }] } },
    /what runs in the TD/,
  ],
  ...['rtmr1', 'rtmr2'].flatMap((register) =>
    [{}, { rtmr3: 'any', composeHash: [hash] }, { rtmr3: undefined, mrConfigId: [config] }].map(
      (named) =>
        [
          { measurements: { td: [{ ...tdRule, [register]: 'any', ...named }] } },
          /lists in rtmr1 and rtmr2/,
        ] as const,
    ),
  ),
  [{ grace: { statuses: ['OutOfDate'] } }, /exactly one of period .* and until/],
  [
    { grace: { statuses: ['OutOfDate'], period: '1d', until: '2026-01-01T00:00:00Z' } },
    /exactly one of period .* and until/,
  ],
  [{ grace: { statuses: ['OutOfDate'], period: '999999999d' } }, /at most 3650 days/],
  [{ grace: { statuses: ['Revoked'], period: '1d' } }, /grace\.statuses\[0\]/],
  [{ grace: { statuses: ['UpToDate'], period: '1d' } }, /not in both/],
  [{ advisories: { Revoked: [] } }, /advisories\.Revoked/],
  [{ advisories: { OutOfDate: ['intel sa 1'] } }, /an advisory such as/],
  [{ minTcbDate: '2026-01-01' }, /a time such as/],
  [{ maxCollateralAge: 86_400_000 }, /a duration such as/],
  [{ fmspc: [] }, /fmspc: expected an object/],
  [{ platforms: { allow: ['ab'] } }, /32 or 64 lower-case hex digits/],
  [{ sgxTypes: ['standard'] }, /sgxTypes\[0\]/],
  [{ tdx: { septVe: false } }, /tdx\.septVe/],
]

test('refuses policies with unknown or wrong fields, and says what it expected', () => {
  for (const [policy, message] of bad) assert.throws(() => readPolicy(policy), { message })
})

test('reads a rule that leaves everything but the firmware open, and says so itself', () => {
  const open = { mrtd: tdRule.mrtd, rtmr0: 'any', rtmr1: 'any', rtmr2: 'any', rtmr3: 'any' }
  assert.deepEqual(readPolicy({ measurements: { td: [open] } }).measurements.td, [open])
})

test('reads or refuses anything whatever, and throws nothing else', () => {
  const members = ['tees', 'statuses', 'grace', 'advisories', 'measurements', 'platforms', 'tdx']
  const near = fc.dictionary(fc.constantFrom(...members), fc.jsonValue({ maxDepth: 3 }))
  const property = fc.property(fc.oneof(near, fc.jsonValue()), (value) => {
    try {
      readPolicy(value)
    } catch (error) {
      assert.match(String(error), /^Error: .*: expected /s)
    }
  })
  fc.assert(property, { seed: 20_261_122, numRuns: 3000 })
})

test('has the defaults that the documentation writes out', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/policy.md'), 'utf8')
  const [defaults = '', additions = ''] = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(
    ([, yaml = '']) => yaml,
  )
  assert.deepEqual(parseConfig(defaults, 'docs', policyDecoder), readPolicy({}))
  const both = parseConfig(`${defaults}${additions}`, 'docs', policyDecoder)
  assert.equal(Object.keys(both).length, Object.keys(readPolicy({})).length + 8)
})

test('reads durations in days', () => {
  assert.equal(readPolicy({ maxCollateralAge: '30d' }).maxCollateralAge, 30 * 24 * 3_600_000)
})

test('names a policy by what it means, not by how it is written', () => {
  const digest = (policy: unknown) => policyDigest(nodeCrypto, readPolicy(policy))
  assert.equal(digest({}), digest({ tdx: { migratable: false }, debug: false }))
  assert.equal(digest({ maxCollateralAge: '24h' }), digest({ maxCollateralAge: '1d' }))
  assert.notEqual(digest({}), digest({ debug: true }))
  assert.match(digest({}), /^[0-9a-f]{64}$/)
})

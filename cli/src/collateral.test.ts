// The collateral commands against a stand-in for Intel's service, and offline.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import { type StandInPcs, startPcs } from '@vorta/attestation/testkit/pcs'
import { cli, folder } from '../test/io.ts'

const start = Date.UTC(2026, 5, 1)
const day = 24 * 3_600_000
const cwd = folder()
const at = (now: number) => (argv: string) => cli(argv.split(' '), { cwd, now: () => now })
const today = at(start)
const simulated = '--allow-simulated'

suite('collateral', () => {
  let pcs: StandInPcs
  before(async () => {
    const fresh = simulatedCollateral(start)
    const early = simulatedCollateral(start, { evaluationNumber: 19 })
    pcs = await startPcs({ collateral: ({ update }) => (update === 'early' ? early : fresh) })
    const platform = simulatedPlatform({ platformId: new Uint8Array(16), now: start })
    const quote = platform.quote({
      measurement: new Uint8Array(32),
      reportData: new Uint8Array(64),
    })
    writeFileSync(join(cwd, 'quote.bin'), quote)
  })
  after(() => pcs.close())

  test('is fetched for a quote, and the quote verifies by it', async () => {
    const fetch = `collateral fetch --quote quote.bin --endpoint ${pcs.url}`
    const fetched = await today(`${fetch} --output c.json ${simulated}`)
    assert.equal(fetched.code, 0, fetched.err)
    assert.match(fetched.err, /Verified sgx-53494d000000-platform-standard, evaluation 18, until/)
    assert.equal(fetched.out, '')
    const verified = await today(`quote verify quote.bin --collateral c.json ${simulated}`)
    assert.equal(verified.code, 0, verified.err)

    const early = await today(`${fetch} --update early ${simulated}`)
    assert.equal(JSON.parse(JSON.parse(early.out).tcb_info).tcbEvaluationDataNumber, 19)
  })

  test('falls over to the next endpoint, and says what failed', async () => {
    const endpoints = `--endpoint http://127.0.0.1:1 --endpoint ${pcs.url}`
    const { code, err } = await today(
      `collateral fetch --quote quote.bin ${endpoints} ${simulated}`,
    )
    assert.equal(code, 0)
    assert.match(err, /warning: 127\.0\.0\.1:1: COLLATERAL_UNAVAILABLE: .*ECONNREFUSED/)
  })

  test('is not written where it is simulated unasked, away, or asked for wrongly', async () => {
    const fetch = `collateral fetch --quote quote.bin --endpoint ${pcs.url}`
    for (const [argv, code, what] of [
      [`${fetch} --output no.json`, 5, /SIMULATED_NOT_ALLOWED|simulated_not_allowed/],
      ['collateral fetch --quote quote.bin --endpoint http://127.0.0.1:1', 7, /ECONNREFUSED/],
      ['collateral fetch --quote quote.bin --endpoint http://pccs.example', 2, /expected an https/],
      [`${fetch} --update soon`, 2, /--update/],
      ['collateral fetch', 2, /--quote is missing/],
      ['collateral fetch --quote none.bin', 6, /none\.bin/],
    ] as const) {
      const outcome = await today(argv)
      assert.equal(outcome.code, code, outcome.err)
      assert.match(outcome.err, what)
      assert.equal(outcome.out, '')
    }
    assert.throws(() => readFileSync(join(cwd, 'no.json')))
  })

  test('is shown with its dates, expired or not', async () => {
    const shown = await today('collateral show c.json')
    assert.match(shown.out, /^TEE +FMSPC +CA +UPDATE +EVALUATION +ISSUED +EXPIRES +LEFT\n/)
    assert.match(shown.out, /sgx +53494d000000 +platform +standard +18 .* 29d\n$/)
    const late = await at(start + 40 * day)('collateral show c.json -o json')
    assert.equal(JSON.parse(late.out)[0].fmspc, '53494d000000')
    assert.match((await at(start + 40 * day)('collateral show c.json')).out, /expired\n$/)
  })

  test('is verified: genuine, in force, and simulated only where that is asked for', async () => {
    const verify = 'collateral verify c.json'
    const good = await today(`${verify} ${simulated}`)
    assert.equal(good.code, 0)
    assert.match(good.out, /^SIMULATED: .*\n✓ VERIFIED sgx-53494d000000-platform-standard/)
    assert.equal((await today(verify)).code, 5)
    const old = await at(start + 40 * day)(`${verify} ${simulated} -o json`)
    assert.equal(old.code, 5)
    assert.equal(JSON.parse(old.out)[0].rejectCode, 'CRL_EXPIRED')
    const before = await today(`${verify} ${simulated} --at 1780272000 -o json`)
    assert.equal(JSON.parse(before.out)[0].outcome, 'verified')

    const text = readFileSync(join(cwd, 'c.json'), 'utf8')
    writeFileSync(join(cwd, 'forged.json'), text.replace('UpToDate', 'OutOfDate'))
    const forged = await today(`collateral verify forged.json ${simulated}`)
    assert.equal(forged.code, 5)
    assert.match(forged.out, /^✗ REJECTED TCB_SIGNATURE: /)
    assert.match(forged.err, /docs\/errors\.md#tcb_signature/)
  })

  test('goes from folder to folder, and never back in time', async () => {
    const imported = await today(`collateral import c.json --cache one ${simulated}`)
    assert.equal(imported.code, 0, imported.err)
    assert.match(imported.err, /Imported sgx-53494d000000-platform-standard SIMULATED/)
    const exported = await today(`collateral export --cache one --output b.json ${simulated}`)
    assert.equal(exported.code, 0, exported.err)
    const checked = await today(`collateral verify b.json ${simulated}`)
    assert.equal(checked.code, 0, checked.out)
    assert.equal((await today(`collateral import b.json --cache two ${simulated}`)).code, 0)

    const newer = join(cwd, 'newer.json')
    writeFileSync(newer, JSON.stringify(simulatedCollateral(start + day)))
    const later = at(start + day)
    assert.equal((await later(`collateral import ${newer} --cache two ${simulated}`)).code, 0)
    const back = await later(`collateral import b.json --cache two ${simulated}`)
    assert.equal(back.code, 5)
    assert.match(back.err, /docs\/errors\.md#collateral_rollback/)
  })

  test('is neither imported nor exported where it is simulated unasked', async () => {
    assert.equal((await today('collateral import c.json --cache three')).code, 5)
    assert.equal((await today('collateral export --cache one')).code, 7)
  })
})

// What a platform lacks, told by genuine and by simulated documents.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import { fromHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { intelAnchor, simulatedAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { parseQuote } from './quote.ts'
import { simulatedCollateral } from './simulated/collateral.ts'
import { simulatedModel } from './simulated/platform.ts'
import { shortfallText, tcbShortfalls } from './tcb-shortfall.ts'
import { tcbRecovery } from './testkit/tcb-recovery.ts'
import { verifyCollateral } from './verify-collateral.ts'
import { verifyQuote } from './verify-quote.ts'

const now = Date.UTC(2026, 5, 1)
const accepted = ['UpToDate', 'SWHardeningNeeded']
const { componentSvns, pceSvn, qe, teeTcbSvn } = simulatedModel
const levels = { componentSvns, pceSvn, qeIsvSvn: qe.isvSvn }

const lacks = async (collateral: Collateral, have: Parameters<typeof tcbShortfalls>[0]) => {
  const options = { anchors: [simulatedAnchor], now }
  const documents = await verifyCollateral(nodeCrypto, collateral, options)
  return tcbShortfalls(have, documents, collateral.tcb_info, accepted)
}

suite('what a platform lacks', () => {
  test('is nothing where it reaches an accepted level', async () => {
    assert.deepEqual(await lacks(simulatedCollateral(now), levels), [])
    const tdx = simulatedCollateral(now, { tee: 'tdx' })
    const qeIsvSvn = simulatedModel.tdQe.isvSvn
    assert.deepEqual(await lacks(tdx, { ...levels, qeIsvSvn, teeTcbSvn }), [])
  })

  test('is told without names where those cannot be read', async () => {
    const collateral = tcbRecovery(now, now)
    const options = { anchors: [simulatedAnchor], now }
    const documents = await verifyCollateral(nodeCrypto, collateral, options)
    const text = collateral.tcb_info.replaceAll('BIOS', 'BIOS'.repeat(30))
    assert.notEqual(text, collateral.tcb_info)
    const [found] = tcbShortfalls(levels, documents, text, accepted)
    assert.deepEqual([found?.component, found?.name], [1, ''])
  })

  test('is named as the TCB info names it', async () => {
    const [one, ...more] = await lacks(tcbRecovery(now, now), levels)
    assert.deepEqual(more, [])
    assert.ok(one)
    assert.equal(
      shortfallText(one),
      'SGX component 1 (BIOS: Early Microcode Update) has 8, needs 9',
    )
  })

  test('may be the PCE, the quoting enclave, the TDX module or a TDX component', async () => {
    const sgx = await lacks(simulatedCollateral(now), {
      ...levels,
      pceSvn: pceSvn - 1,
      qeIsvSvn: qe.isvSvn - 1,
    })
    assert.deepEqual(sgx.map(shortfallText), [
      `PCE has ${pceSvn - 1}, needs ${pceSvn}`,
      `quoting enclave has ${qe.isvSvn - 1}, needs ${qe.isvSvn}`,
    ])
    const older = teeTcbSvn.map((svn, i) => (i === 0 || i === 2 ? svn - 1 : svn))
    const tdx = await lacks(simulatedCollateral(now, { tee: 'tdx' }), {
      ...levels,
      qeIsvSvn: simulatedModel.tdQe.isvSvn,
      teeTcbSvn: older,
    })
    assert.deepEqual(
      tdx.map(({ part, component }) => [part, component]),
      [
        ['TDX component', 3],
        ['TDX module', 0],
      ],
    )
  })

  test('is nothing that can be named where no level is accepted', async () => {
    const collateral = simulatedCollateral(now, { tcbStatus: 'ConfigurationNeeded' })
    assert.deepEqual(await lacks(collateral, levels), [])
  })

  const folder = resolve(import.meta.dirname, '../../../shared/vectors/quotes')
  const skip = existsSync(folder) ? false : 'the shared vectors are not here'
  for (const [name, expected] of [
    ['g13-sgx-swhard-eval17', []],
    ['g14-sgx-outofdate-eval19', ['SGX component 1', 'SGX component 2']],
  ] as const) {
    test(`of the genuine platform in ${name}`, { skip }, async () => {
      const vector = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8'))
      const quote = fromHex(vector.quote)!
      const options = { anchors: [intelAnchor], now: vector.verifyTime * 1000 }
      const { platform } = await verifyQuote(nodeCrypto, quote, vector.collateral, options)
      const documents = await verifyCollateral(nodeCrypto, vector.collateral, options)
      const have = { ...platform, qeIsvSvn: parseQuote(quote).qeReport.isvSvn }
      const found = tcbShortfalls(have, documents, vector.collateral.tcb_info, accepted)
      assert.deepEqual(
        found.map(({ part, component }) => `${part} ${component}`),
        expected,
      )
    })
  }
})

// The service with collateral that Intel has signed, for platforms that exist.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import { fakeClock, fromHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { openPcs, openService } from '../../test/collateral-fixture.ts'
import { intelAnchor } from '../anchors.ts'
import { verifyQuote } from '../verify-quote.ts'

const folder = resolve(import.meta.dirname, '../../../../shared/vectors/quotes')
const anchors = [intelAnchor]

const vectors = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => /^g.*\.json$/.test(name))
      .map((name) => ({ name, ...JSON.parse(readFileSync(resolve(folder, name), 'utf8')) }))
      .filter(({ kind, expected }) => kind === 'genuine' && expected.outcome === 'verified')
  : []

suite('the collateral service with genuine samples', () => {
  const skip = vectors.length === 0 && 'the shared vectors are not here'
  test('finds what each quote is to be judged by', { skip }, async (t) => {
    for (const { name, quote: hex, collateral, verifyTime, expected } of vectors) {
      const now = verifyTime * 1000
      const pcs = await openPcs(t, { collateral: () => collateral })
      const { service } = await openService([pcs.url], { anchors }, fakeClock(now))
      const quote = fromHex(hex)!
      const numbers = ['tcb_info', 'qe_identity'].map(
        (member) => JSON.parse(collateral[member]).tcbEvaluationDataNumber,
      )
      if (numbers[0] !== numbers[1]) {
        await assert.rejects(service.forQuote(quote), { code: 'COLLATERAL_MIXED' }, name)
        continue
      }
      const { collateral: found } = await service.forQuote(quote)
      const { status } = await verifyQuote(nodeCrypto, quote, found, { anchors, now })
      assert.equal(status, expected.status, name)
    }
  })
})

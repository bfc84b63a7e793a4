// Genuine and altered quotes that this project did not make, with the verdicts
// of Intel's own library. Read from beside the repository; skipped where absent.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromHex, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { anchorFromPem, intelAnchor, simulatedAnchor, type TrustAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { parsePemChain } from './pem.ts'
import { parseQuote } from './quote.ts'
import { verifyQuote, verifyUnder } from './verify-quote.ts'

const folder = join(import.meta.dirname, '../../../shared/vectors/quotes')
const absent = !existsSync(folder) && 'the shared vectors are not on this machine'

type Case = {
  readonly id: string
  readonly kind: string
  readonly verifyTime: number
  readonly rootCaPem: string
  readonly quote: string
  readonly collateral: Collateral
  readonly expected: {
    readonly outcome: 'verified' | 'rejected' | 'parse'
    readonly rejectReason?: string
    readonly status: string
    readonly platformStatus: string
    readonly qeStatus: string
    readonly advisoryIds: readonly string[]
    readonly tcbDate: string
    readonly tcbEvaluationDataNumber: number
    readonly debug: boolean
  }
  readonly quoteInfo: Readonly<Record<string, unknown>> & {
    readonly pck?: { readonly fmspc: string; readonly ppid: string }
  }
}

const cases: readonly Case[] = absent
  ? []
  : readdirSync(folder)
      .filter((name) => name.endsWith('.json') && name !== 'index.json')
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))

const isSgx3 = ({ quote }: Case): boolean =>
  quote.startsWith('0300') && quote.slice(8, 16) === '00000000'
const sgx3 = cases.filter((one) => isSgx3(one) && one.expected.outcome !== 'parse')
const others = cases.filter((one) => !isSgx3(one))

const bytesOf = ({ quote }: Case) => fromHex(quote)!
const nowOf = ({ verifyTime }: Case): number => verifyTime * 1000

/** The root the case names, under the kind it is; only Intel's test root needs to go round the guard. */
function anchorOf({ kind, rootCaPem }: Case): TrustAnchor {
  const [root] = parsePemChain(rootCaPem, 'root of the case')
  if (kind === 'intel-test-pki') return { ...intelAnchor, key: root!.key, subject: root!.subject }
  const isSimulated = root!.commonName.startsWith('Vorta SIMULATED')
  return anchorFromPem(isSimulated ? 'simulated' : 'intel', 'root of the case', rootCaPem)
}

const verify = (one: Case, anchors: readonly TrustAnchor[]) =>
  verifyUnder(nodeCrypto, bytesOf(one), one.collateral, { anchors, now: nowOf(one) })

// Our checks run in another order here: the chain is tied to an anchor first.
const classes: Readonly<Record<string, string>> = { 'sim-impostor-sgx': 'UNTRUSTED_ROOT' }

test('has every case it expects', { skip: absent }, () => {
  assert.ok(sgx3.length >= 20, `${sgx3.length} SGX cases`)
  assert.ok(others.length >= 25, `${others.length} other cases`)
})

for (const one of sgx3) {
  const { expected, id } = one
  test(`judges ${id} as expected: ${expected.rejectReason ?? expected.status}`, async () => {
    if (expected.outcome === 'rejected') {
      const code = classes[id] ?? expected.rejectReason?.split(':')[0]
      await assert.rejects(verify(one, [anchorOf(one)]), (error) => {
        assert.ok(error instanceof VerificationError)
        assert.equal(error.code, code, error.message)
        return true
      })
      return
    }
    const quote = await verify(one, [anchorOf(one)])
    assert.deepEqual(
      {
        status: quote.status,
        platformStatus: quote.platformStatus,
        qeStatus: quote.qeStatus,
        advisoryIds: quote.advisoryIds,
        tcbDate: quote.tcbDate,
        tcbEvaluationDataNumber: quote.tcbEvaluationDataNumber,
        debug: quote.debug,
        simulated: quote.simulated,
      },
      {
        status: expected.status,
        platformStatus: expected.platformStatus,
        qeStatus: expected.qeStatus,
        advisoryIds: expected.advisoryIds,
        tcbDate: expected.tcbDate,
        tcbEvaluationDataNumber: expected.tcbEvaluationDataNumber,
        debug: expected.debug,
        simulated: one.kind === 'simulated',
      },
    )
    const { pck, mrEnclave, mrSigner, isvProdId, isvSvn, attributes } = one.quoteInfo
    assert.equal(quote.mrenclave, mrEnclave)
    assert.equal(quote.mrsigner, mrSigner)
    assert.equal(quote.isvProdId, isvProdId)
    assert.equal(quote.isvSvn, isvSvn)
    assert.equal(quote.attributes.flags + quote.attributes.xfrm, attributes)
    if (pck) assert.deepEqual([quote.fmspc, quote.ppid], [pck.fmspc, pck.ppid])
  })
}

for (const one of sgx3.filter(({ kind }) => kind === 'simulated' || kind === 'intel-test-pki')) {
  test(`refuses ${one.id} under Intel's root and under our simulated one`, async () => {
    const anchors = [intelAnchor, simulatedAnchor]
    const options = { anchors, now: nowOf(one) }
    await assert.rejects(verifyQuote(nodeCrypto, bytesOf(one), one.collateral, options), {
      code: 'UNTRUSTED_ROOT',
    })
  })
}

for (const one of others) {
  test(`refuses ${one.id} by name, being TDX or another version`, async () => {
    const options = { anchors: [intelAnchor], now: nowOf(one) }
    await assert.rejects(verifyQuote(nodeCrypto, bytesOf(one), one.collateral, options), {
      code: 'QUOTE_VERSION',
    })
  })
}

test('parses a quote with encrypted PPID', { skip: absent }, () => {
  const one = cases.find(({ id }) => id === 'g20-sgx-encrypted-ppid')!
  const { certification, report } = parseQuote(bytesOf(one))
  assert.deepEqual([certification.type, certification.data.length], [3, 404])
  assert.equal(report.mrenclave, one.quoteInfo.mrEnclave)
})

test("refuses Intel's test root as an anchor of either kind", { skip: absent }, () => {
  const { rootCaPem } = cases.find(({ id }) => id === 'g21-sgx-intel-test-root')!
  for (const kind of ['intel', 'simulated'] as const) {
    assert.throws(() => anchorFromPem(kind, 'test root', rootCaPem), { code: 'ANCHOR_INVALID' })
  }
})

test("reads both of Intel's genuine roots as the same anchor", { skip: absent }, () => {
  const pems = new Set(cases.filter(({ kind }) => kind === 'genuine').map((one) => one.rootCaPem))
  for (const pem of pems) {
    assert.deepEqual(anchorFromPem('intel', intelAnchor.name, pem), intelAnchor)
  }
  assert.throws(() => anchorFromPem('simulated', 'Intel', [...pems][0]!), {
    code: 'ANCHOR_INVALID',
  })
})

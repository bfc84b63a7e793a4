// Every quote that this project did not make has to be judged as Intel's library
// judges it, or more strictly where that is on purpose.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { absent, anchorOf, type Case, caseOf, cases, momentOf, quoteOf } from '../test/vectors.ts'
import { anchorFromPem, intelAnchor, simulatedAnchor, type TrustAnchor } from './anchors.ts'
import { Memory } from './memory.ts'
import { parseQuote } from './quote.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import { verifyQuote } from './verify-quote.ts'

const judged = cases.filter(({ expected }) => expected.outcome !== 'parse')

// One memory for all cases: what is remembered of one must not change the verdict on another.
const memory = new Memory()

const verify = (one: Case, anchors: readonly TrustAnchor[]): Promise<VerifiedQuote> =>
  verifyQuote(nodeCrypto, quoteOf(one), one.collateral, { anchors, now: momentOf(one), memory })

test('has every case it expects', { skip: absent }, () => {
  assert.ok(cases.length >= 57, `${cases.length} cases`)
})

for (const one of judged) {
  const { expected, id } = one
  test(`judges ${id} as expected: ${expected.rejectReason ?? expected.status}`, async () => {
    // The second time much of it is known already.
    for (let time = 1; time <= 2; time++) {
      if (expected.outcome === 'rejected') {
        assert.equal(await faultOf(verify(one, [anchorOf(one)])), faultNamed(one))
      } else {
        checkVerdict(one, await verify(one, [anchorOf(one)]))
      }
    }
  })
}

/** The first word of the reason is the class of the refusal. */
const faultNamed = ({ expected }: Case): string => expected.rejectReason!.split(/[:\s]/)[0]!

async function faultOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof VerificationError, String(error))
    return error.code
  }
  return 'none: it was accepted'
}

function checkVerdict({ expected, quoteInfo, kind }: Case, quote: VerifiedQuote): void {
  const { status, platformStatus, qeStatus, advisoryIds, tcbDate, debug } = expected
  assert.equal(quote.status, status)
  assert.equal(quote.platformStatus, platformStatus)
  assert.equal(quote.qeStatus, qeStatus)
  assert.deepEqual(quote.advisoryIds, advisoryIds)
  assert.equal(quote.tcbDate, tcbDate)
  assert.equal(quote.tcbEvaluationDataNumber, expected.tcbEvaluationDataNumber)
  assert.equal(quote.debug, debug)
  assert.equal(quote.simulated, kind === 'simulated' || kind === 'intel-test-pki')
  assert.equal(quote.tee, quoteInfo.tee)
  assert.equal(quote.version, quoteInfo.version)
  assert.equal(toHex(quote.reportData), quoteInfo.reportData)
  if (quoteInfo.pck) checkPlatform(quoteInfo.pck, quote)
  if (quote.tee === 'sgx') checkEnclave(quoteInfo, quote)
  else checkTd(quoteInfo, expected, quote)
}

function checkPlatform(pck: NonNullable<Case['quoteInfo']['pck']>, quote: VerifiedQuote): void {
  const { platform } = quote
  assert.deepEqual([quote.fmspc, quote.ppid], [pck.fmspc, pck.ppid])
  assert.deepEqual([platform.pceId, platform.pceSvn], [pck.pceId, pck.pceSvn])
  const types = ['Standard', 'Scalable', 'ScalableWithIntegrity']
  assert.equal(platform.sgxType, types[pck.sgxType])
  assert.equal(platform.instanceId ?? null, pck.platformInstanceId)
  const { dynamicPlatform, cachedKeys, smtEnabled } = platform
  assert.deepEqual(
    pck.configuration ?? {},
    dynamicPlatform === undefined ? {} : { dynamicPlatform, cachedKeys, smtEnabled },
  )
  assert.equal(platform.componentSvns.length, 16)
}

function checkEnclave(info: Case['quoteInfo'], quote: VerifiedQuote & { tee: 'sgx' }): void {
  assert.equal(quote.mrenclave, info.mrEnclave)
  assert.equal(quote.mrsigner, info.mrSigner)
  assert.equal(quote.isvProdId, info.isvProdId)
  assert.equal(quote.isvSvn, info.isvSvn)
  assert.equal(quote.attributes.flags + quote.attributes.xfrm, info.attributes)
}

function checkTd(
  info: Case['quoteInfo'],
  expected: Case['expected'],
  { td, moduleStatus, current }: VerifiedQuote & { tee: 'tdx' },
): void {
  assert.equal(td.mrtd, info.mrTd)
  assert.deepEqual(td.rtmrs, info.rtMr)
  assert.equal(td.mrConfigId, info.mrConfigId)
  assert.equal(td.mrSeam, info.mrSeam)
  assert.equal(td.xfam, info.xfam)
  assert.equal(td.tdAttributes.raw, info.tdAttributes)
  assert.equal(td.tdAttributes.septVeDisable, info.septVeDisable)
  assert.equal(toHex(Uint8Array.from(td.teeTcbSvn)), info.teeTcbSvn)
  assert.equal(td.teeTcbSvn2 && toHex(Uint8Array.from(td.teeTcbSvn2)), info.teeTcbSvn2)
  assert.equal(td.mrServiceTd, info.mrServiceTd)
  // Absent for major version 0, which Intel's library reports as up to date.
  assert.equal(moduleStatus ?? 'UpToDate', expected.moduleStatus)
  assert.equal(moduleStatus === undefined, td.teeTcbSvn[1] === 0)
  const { status, tcbDate, advisoryIds } = current ?? {}
  assert.deepEqual(current && { status, tcbDate, advisoryIds }, expected.current)
}

for (const one of judged) {
  const isIntels = one.kind === 'genuine' || one.kind === 'altered-genuine'
  test(`does not take ${one.id} under ${isIntels ? 'a simulated' : "Intel's"} root`, async () => {
    const fault = await faultOf(verify(one, [isIntels ? simulatedAnchor : intelAnchor]))
    assert.ok(fault in expectedUnderAnotherRoot || fault === faultNamed(one), fault)
  })
}

/** The names tell most of them apart; Intel's test root and the impostor have Intel's. */
const expectedUnderAnotherRoot = {
  UNTRUSTED_ROOT: true,
  CRL_SIGNATURE: true,
  CRL_ISSUER: true,
}

test('parses a quote with encrypted PPID', { skip: absent }, () => {
  const one = caseOf('g20-sgx-encrypted-ppid')
  const { certification, report } = parseQuote(quoteOf(one))
  assert.deepEqual([certification.type, certification.data.length], [3, 404])
  assert.equal('mrenclave' in report && report.mrenclave, one.quoteInfo.mrEnclave)
})

test('parses every quote it judges, as the other reader of quotes does', { skip: absent }, () => {
  for (const one of judged.filter(({ expected }) => expected.outcome === 'verified')) {
    const parsed = parseQuote(quoteOf(one))
    const { version, tee, certType, trailingBytes, reportData } = one.quoteInfo
    assert.deepEqual([parsed.version, parsed.tee], [version, tee])
    assert.deepEqual([parsed.certification.type, parsed.padding], [certType, trailingBytes])
    assert.equal(toHex(parsed.reportData), reportData)
  }
})

test("takes Intel's test root as a simulated anchor only", { skip: absent }, async () => {
  const one = caseOf('g21-sgx-intel-test-root')
  assert.throws(() => anchorFromPem('intel', 'test root', one.rootCaPem), {
    code: 'ANCHOR_INVALID',
  })
  const test = anchorFromPem('simulated', 'test root', one.rootCaPem)
  assert.deepEqual(test.subject, intelAnchor.subject)
  // Beside Intel's root of the same name it is the key that decides.
  const quote = await verify(one, [intelAnchor, test])
  assert.deepEqual(quote.anchor, { kind: 'simulated', name: 'test root' })
  const genuine = await verify(caseOf('g01-sgx-phala-config-swhard'), [test, intelAnchor])
  assert.equal(genuine.anchor.kind, 'intel')
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

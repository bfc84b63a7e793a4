import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intelAnchor, measurementOf } from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { canonicalBytes, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import {
  anchors,
  type Changes,
  loggedAt,
  makeEvidence,
  makeTestFile,
  makeTestReceipt,
  measurement,
  newEnclaveKey,
  newLogKey,
} from '../test/make-receipt.ts'
import { encodeReceipt, maxReceiptBytes, type Receipt } from './receipt.ts'
import type { ReceiptStatement } from './statement.ts'
import { checkNames, verifyReceipt } from './verify.ts'

const now = loggedAt + 60_000
const day = 24 * 3600_000
const verify = (file: Uint8Array, options: Partial<Parameters<typeof verifyReceipt>[2]> = {}) =>
  verifyReceipt(nodeCrypto, file, { anchors, now, ...options })

/** Verifies and gives `check: CODE` of the one failure. */
async function failureOf(
  file: Uint8Array,
  options?: Parameters<typeof verify>[1],
): Promise<string> {
  const { ok, checks, failure, facts } = await verify(file, options)
  assert.equal(ok, false)
  assert.equal(facts, undefined)
  assert.ok(failure instanceof VerificationError)
  const failed = checks.filter((check) => check.outcome === 'failed')
  assert.equal(failed.length, 1)
  assert.equal(failed[0]?.code, failure.code)
  return `${failed[0]?.name}: ${failure.code}`
}
const refused = async (changes: Changes) => failureOf(await makeTestFile(changes))
const changedLog = async (change: (log: Receipt['log']) => Partial<Receipt['log']>) => {
  const receipt = await makeTestReceipt()
  return failureOf(encodeReceipt({ ...receipt, log: { ...receipt.log, ...change(receipt.log) } }))
}

test('a receipt made as receipts are made is genuine', async () => {
  const file = await makeTestFile()
  const { ok, checks, facts, claims, freshness } = await verify(file)
  assert.ok(ok)
  assert.deepEqual(
    checks.map(({ name, outcome }) => [name, outcome]),
    checkNames.map((name) => [name, 'passed']),
  )
  assert.equal(facts.simulated, true)
  assert.equal(measurementOf(facts.quote), Buffer.from(measurement).toString('hex'))
  assert.equal(facts.statement.predicate.proof.verdict, 'valid')
  assert.equal(facts.log.index, 7)
  assert.equal(facts.log.size, 11)
  assert.equal(facts.log.time, loggedAt)
  assert.equal(freshness.state, 'fresh')
  // Without hardware nothing may be called proven by it.
  assert.ok(claims.every((claim) => claim.source !== 'hardware-proven'))
  assert.ok(claims.some((claim) => claim.source === 'simulated' && claim.name === 'measurement'))
})

test('an invalid proof has a receipt like any other', async () => {
  const file = await makeTestFile({
    predicate: (predicate) => ({
      ...predicate,
      proof: { ...predicate.proof, verdict: 'invalid', code: 'PAIRING_MISMATCH' },
    }),
  })
  const { ok, facts } = await verify(file)
  assert.ok(ok)
  assert.equal(facts.statement.predicate.proof.code, 'PAIRING_MISMATCH')
})

test('an enclave for one job vouches for that job only', async () => {
  const job = 'j01k9x3m2h8q5c7e1fz0v4t6b'
  assert.ok((await verify(await makeTestFile({ claims: { job, spec: '21'.repeat(32) } }))).ok)
  assert.equal(await refused({ claims: { job: 'j0' } }), 'statement: CLAIMS_MISMATCH')
  assert.equal(await refused({ claims: { spec: '22'.repeat(32) } }), 'statement: CLAIMS_MISMATCH')
})

test('checks after the first failure are listed as not performed', async () => {
  const { checks } = await verify(await makeTestFile({ payloadType: 'text/plain' }))
  const outcomes = checks.map((check) => check.outcome)
  assert.deepEqual(outcomes, ['passed', 'failed', ...Array(7).fill('not-performed')])
})

test('refuses files that are not a receipt of this version', async () => {
  const receipt = await makeTestReceipt()
  const { log, ...unlogged } = receipt
  const text = Buffer.from(encodeReceipt(receipt)).toString()
  const wrong: Record<string, Uint8Array> = {
    empty: new Uint8Array(),
    'not JSON': utf8('receipt'),
    null: utf8('null'),
    'deep nesting': utf8('['.repeat(100_000)),
    'a newline at the end': utf8(`${text}\n`),
    'a byte order mark': utf8(`\ufeff${text}`),
    indented: utf8(JSON.stringify(receipt, undefined, 2)),
    'another order of members': utf8(JSON.stringify(receipt)),
    'another version': canonicalBytes({
      ...JSON.parse(text),
      mediaType: 'application/vnd.vorta.receipt+json;version=2',
    }),
    'an anchor': canonicalBytes({ ...JSON.parse(text), anchor: {} }),
    __proto__: utf8(text.replace('{', '{"__proto__":{},')),
    'no log': canonicalBytes(JSON.parse(JSON.stringify(unlogged))),
    'a fraction as index': utf8(text.replace('"index":7', '"index":7.5')),
    'an exponent as index': utf8(text.replace('"index":7', '"index":7e0')),
    'a negative index': utf8(text.replace('"index":7', '"index":-7')),
    'an index as text': utf8(text.replace('"index":7', '"index":"7"')),
    'an index beyond 2^53': utf8(text.replace('"index":7', '"index":9007199254740993')),
    'a short hash': utf8(text.replace(log.inclusion[0] ?? '', 'AAAA')),
    'a long escaped string': utf8(`"${'\\n'.repeat(900_000)}"`),
  }
  for (const [name, file] of Object.entries(wrong)) {
    assert.equal(await failureOf(file), 'format: RECEIPT_MALFORMED', name)
  }
  const large = new Uint8Array(maxReceiptBytes + 1)
  assert.equal(await failureOf(large), 'format: RECEIPT_TOO_LARGE')
})

test('refuses an envelope signed with another key than the attested one', async () => {
  const [mine, other] = [await makeTestReceipt(), await makeTestReceipt()]
  const swapped = { ...mine, envelope: other.envelope }
  assert.equal(await failureOf(encodeReceipt(swapped)), 'envelope: KEYID_MISMATCH')
})

test('refuses an envelope that holds no statement', async () => {
  assert.equal(await refused({ payloadType: 'text/plain' }), 'envelope: PAYLOAD_TYPE')
  assert.equal(await refused({ statement: () => ({}) }), 'statement: STATEMENT_MALFORMED')
  assert.equal(
    await refused({
      predicate: (predicate) => ({ ...predicate, enclave: { kind: 'sgx' } }),
    }),
    'statement: ENCLAVE_KIND_MISMATCH',
  )
})

test('refuses a subject that the predicate does not describe', async () => {
  const subject = [{ name: 'verdict.json', digest: { sha256: '00'.repeat(32) } }]
  const statement = (value: ReceiptStatement) => ({ ...value, subject })
  assert.equal(await refused({ statement }), 'subject: SUBJECT_MISMATCH')
})

test('refuses evidence for another key', async () => {
  const other = await makeEvidence(newEnclaveKey())
  assert.equal(await refused({ evidence: () => other }), 'envelope: KEYID_MISMATCH')
  // The right claims with the quote of another enclave: here only the binding is wrong.
  const evidence = (mine: typeof other) => ({ ...mine, quote: other.quote })
  assert.equal(await refused({ evidence }), 'evidence: REPORT_DATA_MISMATCH')
  const nonce = (mine: typeof other) => ({
    ...mine,
    claims: { ...mine.claims, nonce: '00'.repeat(32) },
  })
  assert.equal(await refused({ evidence: nonce }), 'evidence: REPORT_DATA_MISMATCH')
})

test('refuses simulated evidence where only hardware is trusted', async () => {
  const file = await makeTestFile()
  assert.equal(await failureOf(file, { anchors: [intelAnchor] }), 'evidence: UNTRUSTED_ROOT')
  assert.equal(await failureOf(file, { anchors: [] }), 'evidence: UNTRUSTED_ROOT')
})

test('refuses a simulated quote that calls itself hardware', async () => {
  const changes: Changes = {
    evidence: (evidence) => ({ ...evidence, tee: 'sgx' }),
    predicate: (predicate) => ({ ...predicate, enclave: { kind: 'sgx' } }),
  }
  assert.equal(await refused(changes), 'evidence: TEE_MISMATCH')
})

test('judges the quote as of when it was logged, and again as of now', async () => {
  const file = await makeTestFile()
  const later = await verify(file, { now: loggedAt + 400 * day })
  assert.ok(later.ok)
  assert.equal(later.freshness.state, 'stale')
  assert.match(later.freshness.code ?? '', /_EXPIRED$/)
  const late = await makeTestFile({ time: loggedAt + 400 * day })
  assert.match(await failureOf(late, { now: loggedAt + 401 * day }), /^evidence: .*_EXPIRED$/)
})

test('refuses a receipt from another log than the statement names', async () => {
  const [log, other] = [newLogKey(), newLogKey('other.example/log')]
  const origin = {
    logKey: log,
    checkpoint: (head: object) => ({ ...head, origin: other.key.name }),
  }
  assert.equal(await refused(origin as Changes), 'checkpoint: LOG_ORIGIN_MISMATCH')
  assert.equal(await refused({ checkpointKey: other }), 'checkpoint: CHECKPOINT_KEY')
  assert.equal(await refused({ checkpointKey: newLogKey() }), 'checkpoint: CHECKPOINT_KEY')
  assert.equal(
    await changedLog(() => ({ origin: other.key.name })),
    'log-entry: LOG_ORIGIN_MISMATCH',
  )
  const named: Changes = {
    predicate: (predicate) => ({ ...predicate, log: { ...predicate.log, origin: 'x.example' } }),
  }
  assert.equal(await refused(named), 'log-entry: LOG_ORIGIN_MISMATCH')
  const spoilt: Changes = {
    predicate: ({ log, ...predicate }) => ({
      ...predicate,
      log: { ...log, key: log.key.replace(/\+[0-9a-f]{8}\+/, '+00000000+') },
    }),
  }
  assert.equal(await refused(spoilt), 'checkpoint: LOG_KEY_MALFORMED')
})

test('refuses a checkpoint that is not signed as it stands', async () => {
  const note = (change: (text: string) => string): Changes => ({ note: change })
  assert.equal(
    await refused(note((text) => text.replace('\n11\n', '\n12\n'))),
    'checkpoint: CHECKPOINT_SIGNATURE',
  )
  assert.equal(
    await refused(note((text) => `${text}— witness.example AAAAAAAA\n`)),
    'checkpoint: NOTE_MALFORMED',
  )
  assert.equal(await refused(note((text) => text.trim())), 'checkpoint: NOTE_MALFORMED')
})

test('refuses an entry that is not in the tree where the receipt says', async () => {
  const failure = 'inclusion: INCLUSION_MISMATCH'
  assert.equal(await changedLog(() => ({ index: 6 })), failure)
  assert.equal(await changedLog(() => ({ index: 11 })), 'inclusion: INDEX_RANGE')
  assert.equal(await changedLog(({ inclusion }) => ({ inclusion: inclusion.slice(1) })), failure)
  assert.equal(
    await changedLog(({ inclusion }) => ({ inclusion: [...inclusion, ...inclusion.slice(0, 1)] })),
    failure,
  )
  assert.equal(await changedLog(() => ({ time: '2026-01-01T00:00:01Z' })), failure)
})

test('refuses collateral that was exchanged after logging', async () => {
  const receipt = await makeTestReceipt()
  const { evidence } = receipt
  // Genuine collateral of another day: the quote is as good by it, but it was not logged.
  const collateral = simulatedCollateral(loggedAt - day)
  const file = encodeReceipt({ ...receipt, evidence: { ...evidence, collateral } })
  assert.equal(await failureOf(file), 'inclusion: INCLUSION_MISMATCH')
})

test('refuses the other form of a signature', async () => {
  // (r, n - s) verifies as well as (r, s): the log entry says which one was logged.
  const receipt = await makeTestReceipt()
  const [signature = assert.fail()] = receipt.envelope.signatures
  const bytes = Buffer.from(signature.sig, 'base64')
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = order - BigInt(`0x${bytes.toString('hex', 32)}`)
  bytes.write(s.toString(16).padStart(64, '0'), 32, 'hex')
  const signatures = [{ ...signature, sig: bytes.toString('base64') }]
  const file = encodeReceipt({ ...receipt, envelope: { ...receipt.envelope, signatures } })
  assert.equal(await failureOf(file), 'inclusion: INCLUSION_MISMATCH')
})

test('refuses times out of order, beyond what clocks may differ', async () => {
  const times = (startedOn: string, finishedOn: string): Changes => ({
    predicate: (predicate) => ({ ...predicate, startedOn, finishedOn }),
  })
  const [before, after, early] = [
    '2025-12-31T23:00:00Z',
    '2026-01-01T00:04:00Z',
    '2026-01-01T00:06:00Z',
  ]
  assert.ok((await verify(await makeTestFile(times(before, after)))).ok)
  assert.equal(await refused(times(after, before)), 'order: TIME_ORDER')
  assert.equal(await refused(times(before, early)), 'order: TIME_ORDER')
  const file = await makeTestFile()
  assert.equal(await failureOf(file, { now: loggedAt - day }), 'order: LOGGED_IN_FUTURE')
  for (const odd of [Number.NaN, -1e300, Number.NEGATIVE_INFINITY]) {
    assert.equal(await failureOf(file, { now: odd }), 'order: LOGGED_IN_FUTURE')
  }
  assert.ok((await verify(file, { now: loggedAt - 60_000 })).ok)
})

test('no file makes verification throw or fail without a code of ours', async () => {
  const receipt = await makeTestReceipt()
  const text = Buffer.from(encodeReceipt(receipt)).toString()
  const places = [...text.matchAll(/"[^"]*"|[0-9]+/g)].map(({ index, 0: { length } }) => [
    index,
    length,
  ])
  const replaced = fc
    .tuple(
      fc.nat(places.length - 1),
      fc.oneof(
        fc.json(),
        fc.string().map((s) => JSON.stringify(s)),
      ),
    )
    .map(([at, json]) => {
      const [start = 0, length = 0] = places[at] ?? []
      return text.slice(0, start) + json + text.slice(start + length)
    })
  await fc.assert(
    fc.asyncProperty(replaced, async (changed) => {
      const { ok, failure } = await verify(utf8(changed))
      assert.ok(changed === text ? ok : !ok && failure.code !== 'INTERNAL')
    }),
    { numRuns: 300 },
  )
})

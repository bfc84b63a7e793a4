// Replays over a real store: what changes, what does not, and that others get
// their turn meanwhile.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { type AttestationPolicy, policyDecoder } from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { type Canonical, canonicalBytes, fakeClock, toHex, toRfc3339, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { encodeLogEntryOf, encodeReleaseEntry } from '@vorta/receipt'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { makeEnclave } from '../testkit/enclave.ts'
import { temporaryFolder } from '../testkit/parts.ts'
import type { Proposal } from './rejudge.ts'
import { type ReplayPage, replay, type VerdictChange } from './replay.ts'

const day = 24 * 3_600_000
const start = Date.UTC(2026, 5, 1)
const clock = fakeClock(start)
const [first, second] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
]

const accepting = (...measurements: readonly Uint8Array[]): AttestationPolicy =>
  policyDecoder({ simulated: true, measurements: { mrenclave: measurements.map(toHex) } })

const current = accepting(first, second)

suite('policy replay', () => {
  const folder = temporaryFolder()
  let store: Store
  let epoch = 0

  before(async () => {
    store = await openSqliteStore(folder)
    epoch = (await store.lead({ holder: 'test', ttlMs: 1000, now: start })).epoch
    // Two workers run the first enclave, one the second; one was restarted a day later.
    await admit('w1', first, start)
    await admit('w2', second, start)
    await admit('w3', first, start)
    clock.advance(day)
    const again = await admit('w1', first, clock.now())
    const [w2] = (await store.appraisals(10)).items.filter(({ worker }) => worker === 'w2')
    await log([
      entryOf(again, clock.now()),
      entryOf(w2!.sha256, start + 60_000),
      releaseOf(w2!.sha256),
      entryOf(again, clock.now() + 60_000),
    ])
  })

  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Stores evidence as the cluster does. Gives its digest. */
  async function admit(worker: string, measurement: Uint8Array, appraisedAt: number) {
    const evidence = await makeEnclave(clock, measurement).evidence()
    const bytes = canonicalBytes(evidence as Canonical)
    const sha256 = toHex(nodeCrypto.sha256(bytes))
    const row = { sha256, worker, appraisedAt, evidence: bytes, appraisal: '{}' }
    await store.commit(epoch, [{ kind: 'put-evidence', evidence: row }])
    return sha256
  }

  const entryOf = (evidence: string, time: number) => ({
    evidence,
    entry: encodeLogEntryOf({ envelope: '00'.repeat(32), evidence, time: toRfc3339(time) }),
  })

  const releaseOf = (evidence: string) => ({
    evidence,
    entry: encodeReleaseEntry({
      release: '00'.repeat(32),
      job: 'j1',
      spec: '00'.repeat(32),
      enclave: '00'.repeat(32),
      evidence,
      time: toRfc3339(start),
    }),
  })

  const log = (all: readonly { readonly evidence: string; readonly entry: Uint8Array }[]) =>
    store.commit(epoch, [
      {
        kind: 'append-log',
        entries: all.map(({ evidence: evidenceSha256, entry }, index) => ({
          index,
          jobUid: `j${index}`,
          entry,
          envelope: utf8('{}'),
          evidenceSha256,
        })),
        nodes: [],
        checkpoint: { size: all.length, note: 'a checkpoint' },
      },
    ])

  async function run(proposal: Partial<Proposal>) {
    const pages: ReplayPage[] = []
    const whole = { current, proposed: current, now: clock.now(), ...proposal }
    for await (const page of replay({ store, crypto: nodeCrypto }, whole)) pages.push(page)
    return { changes: pages.flatMap(({ changes }) => changes), counts: pages.at(-1)!.counts }
  }

  const inShort = ({ name, asOfLogged, asOfNow }: VerdictChange) => {
    const of = ({ before: was, after: is }: VerdictChange['asOfNow']) =>
      `${was.state} -> ${is.state} ${is.code}`.trim()
    return [name, of(asOfLogged), of(asOfNow)]
  }

  test('changes nothing by the policy in force', async () => {
    const { changes, counts } = await run({})
    assert.deepEqual(changes, [])
    assert.deepEqual(counts, {
      evidence: 4,
      recollateralised: 0,
      evidenceChanged: 0,
      workers: 3,
      workersChanged: 0,
      receipts: 3,
      receiptsChanged: 0,
    })
  })

  test('lists the workers and receipts that a stricter policy would refuse', async () => {
    const { changes, counts } = await run({ proposed: accepting(first) })
    const refused = 'accepted -> refused MEASUREMENT_NOT_ALLOWED'
    assert.deepEqual(changes.map(inShort), [
      ['workers/w2', refused, refused],
      ['receipts/1', refused, refused],
    ])
    const [worker, receipt] = changes
    assert.equal(worker?.asOfNow.after.rule, 'measurement')
    assert.deepEqual([worker?.time, receipt?.time], [start, start + 60_000])
    assert.equal(worker?.evidenceSha256, receipt?.evidenceSha256)
    assert.deepEqual(
      [counts.evidenceChanged, counts.workersChanged, counts.receiptsChanged],
      [1, 1, 1],
    )
  })

  test('lists those that a wider policy would accept', async () => {
    const { changes } = await run({ current: accepting(first), proposed: current })
    const accepted = 'refused -> accepted'
    assert.deepEqual(changes.map(inShort), [
      ['workers/w2', accepted, accepted],
      ['receipts/1', accepted, accepted],
    ])
  })

  const recovery = { tcbStatus: 'OutOfDate', evaluationNumber: 19 } as const

  test('judges by newer collateral as of now, and leaves what was logged as it was', async () => {
    const collateral = simulatedCollateral(clock.now(), recovery)
    const { changes, counts } = await run({ collateral })
    assert.equal(counts.recollateralised, 4)
    assert.equal(counts.receiptsChanged, 3)
    assert.deepEqual(inShort(changes[0]!), [
      'workers/w1',
      'accepted -> accepted',
      'accepted -> refused TCB_STATUS_NOT_ALLOWED',
    ])

    const until = toRfc3339(clock.now() + day)
    const grace = { statuses: ['OutOfDate' as const], until }
    const late = await run({ collateral, proposed: { ...current, grace } })
    const { state, graceDeadline } = late.changes[0]!.asOfNow.after
    assert.deepEqual([state, graceDeadline], ['grace', clock.now() + day])
  })

  test('leaves platforms alone that the newer collateral is not about', async () => {
    const collateral = simulatedCollateral(clock.now(), { ...recovery, fmspc: utf8('OTHER!') })
    const { changes, counts } = await run({ collateral })
    assert.deepEqual([changes.length, counts.recollateralised], [0, 0])
  })

  test('refuses collateral that is not genuine, or not in force', async () => {
    const genuine = simulatedCollateral(clock.now())
    const tcb_info = genuine.tcb_info.replace('UpToDate', 'OutOfDate')
    await assert.rejects(run({ collateral: { ...genuine, tcb_info } }), { code: 'TCB_SIGNATURE' })
    const old = simulatedCollateral(clock.now() - 60 * day)
    await assert.rejects(run({ collateral: old }), { code: 'CRL_EXPIRED' })
  })

  test('keeps apart what was so when it was logged and what is so now', async () => {
    const { changes } = await run({ proposed: accepting(first), now: start + 90 * day })
    assert.deepEqual(inShort(changes[0]!), [
      'workers/w2',
      'accepted -> refused MEASUREMENT_NOT_ALLOWED',
      'refused -> refused CRL_EXPIRED',
    ])
  })

  test('judges a receipt by the minute it was logged, not by that of its evidence', async () => {
    // Evidence comes with collateral that is 10 minutes old; two receipts followed a minute later.
    const proposed = { ...current, maxCollateralAge: 10.5 * 60_000 }
    const { changes } = await run({ proposed, now: start })
    const logged = changes.map((change) => inShort(change).slice(0, 2))
    const refused = 'accepted -> refused COLLATERAL_TOO_OLD'
    assert.deepEqual(logged, [
      ['receipts/1', refused],
      ['receipts/3', refused],
    ])
  })

  test('lets others work between two pieces of evidence', async () => {
    let turns = 0
    const tick = () => {
      turns++
      pending = setImmediate(tick)
    }
    let pending = setImmediate(tick)
    await run({})
    clearImmediate(pending)
    assert.ok(turns >= 4, `others had ${turns} turns`)
  })
})

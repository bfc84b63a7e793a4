// Jobs with sealed inputs: waiting for the key, releases, and those who would
// like another outcome. The worker is played by the test; its enclave's
// evidence, the log and the store are real.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { policyDecoder, simulatedAnchor } from '@vorta/attestation'
import { approveEnclave } from '@vorta/attestation/sealing/approve'
import { keyCommitment, newContentKey } from '@vorta/attestation/sealing/content-key'
import { sealTo } from '@vorta/attestation/sealing/recipient'
import {
  makeRelease,
  type ReleaseTerms,
  releaseDigest,
  releasePurpose,
} from '@vorta/attestation/sealing/release'
import { fakeClock, systemRandom, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  openNote,
  parseCheckpoint,
  parseNote,
  parseVkey,
  releaseEntryType,
  verifyInclusion,
} from '@vorta/receipt'
import { hashLeaf } from '@vorta/receipt/merkle'
import { assembleReceipt } from '../api/receipt-service.ts'
import { makeEnclave, testMeasurement } from '../testkit/enclave.ts'
import { keyTimeoutMs, openParts, type Parts, testFiles, until } from '../testkit/parts.ts'

const key = newContentKey(systemRandom)
const sealed = { inputs: ['proof'], keyCommitment: keyCommitment(nodeCrypto, key) }
const policy = policyDecoder({
  simulated: true,
  measurements: { mrenclave: [toHex(testMeasurement)] },
})

suite('a job with sealed inputs', () => {
  let parts: Parts

  beforeEach(async () => {
    parts = await openParts()
    await parts.upload(...testFiles)
  })
  afterEach(async () => {
    assert.deepEqual(parts.faults, [], 'nothing stopped the process')
    await parts.close()
  })

  const stored = async (id = 'one') => {
    const record = await parts.store.job(id)
    assert.ok(record)
    return record
  }
  const waits = (id = 'one', attempt = 1) =>
    until(`${id} waits`, async () => {
      const record = await stored(id)
      return record.attempt === attempt && record.awaitsKeyUntil !== undefined
    })
  const reaches = (state: string, id = 'one') =>
    until(`${id} is ${state}`, async () => (await stored(id)).state === state)
  const typesOf = (id = 'one') =>
    parts.events.filter(({ jobId }) => jobId === id).map(({ type }) => type)

  const waiting = async (id = 'one') => {
    const joined = await parts.join('w1')
    await parts.create(id, { sealed })
    await waits(id)
    return joined
  }

  /** What an honest requester does; `change` makes it another one. */
  const released = async (id = 'one', change: Partial<ReleaseTerms> = {}) => {
    const nonce = systemRandom(32)
    const { job, evidence } = await parts.releases.challenge(id, nonce)
    const asked = {
      evidence,
      nonce: toHex(nonce),
      job: job.record.uid,
      spec: job.record.specSha256,
    }
    const now = parts.clock.now()
    const options = { anchors: [simulatedAnchor], now }
    const approved = await approveEnclave(nodeCrypto, asked, policy, options)
    const terms: ReleaseTerms = {
      purpose: releasePurpose,
      job: asked.job,
      spec: asked.spec,
      enclave: approved.enclave,
      evidence: approved.evidence,
      maxUses: 1,
      notAfter: '2026-06-01T02:00:00Z',
      ...change,
    }
    return makeRelease(terms, key, (info, message) => sealTo(approved.sealingKey, info, message))
  }

  test('waits for its key, visibly, and nobody else waits with it', async () => {
    const { connection } = await waiting()
    await parts.create('two')
    const { attempts } = await connection.batch()
    assert.deepEqual(
      attempts.map(({ job }) => job),
      ['jobs/two'],
    )
    assert.equal((await stored()).state, 'PLACED')
    assert.deepEqual(typesOf(), ['Queued', 'Placed', 'AwaitingKeyRelease'])
    assert.equal((await stored()).awaitsKeyUntil, parts.clock.now() + keyTimeoutMs)
  })

  test('runs with the release, whose entry in the log comes before that of the receipt', async () => {
    const { connection, enclave } = await waiting()
    const release = await released()
    const { sha256, index } = await parts.releases.release('one', release)
    assert.equal(sha256, releaseDigest(nodeCrypto, release))
    assert.equal(index, 0)
    const batch = await connection.batch()
    const [attempt] = batch.attempts
    assert.ok(attempt)
    assert.deepEqual(Buffer.from(attempt.release), Buffer.from(release))
    const value = await enclave.result(attempt, parts.logIdentity, (about) => ({
      ...about,
      sealed: { inputs: ['proof'], release: sha256 },
    }))
    batch.tell(attempt, { case: 'result', value })
    await reaches('SUCCEEDED')
    assert.equal((await stored()).receiptIndex, 1)
    assert.deepEqual(typesOf(), [
      'Queued',
      'Placed',
      'AwaitingKeyRelease',
      'KeyReleased',
      'Succeeded',
    ])

    const row = await parts.store.logEntry(0)
    const entry = JSON.parse(Buffer.from(row?.entry ?? []).toString())
    const { uid, specSha256 } = await stored()
    assert.equal(entry.type, releaseEntryType)
    assert.deepEqual([entry.job, entry.spec, entry.release], [uid, specSha256, sha256])
    assert.equal(Buffer.from(row?.entry ?? []).includes(Buffer.from(key)), false)
    assert.ok(await parts.store.evidence(entry.evidence), 'the evidence can be looked up')

    const note = parseNote(await parts.reader.checkpoint())
    const vkey = parseVkey(nodeCrypto, parts.logIdentity.key)
    const { size, root } = parseCheckpoint(await openNote(nodeCrypto, note, vkey))
    assert.equal(size, 2)
    for (const at of [0, 1]) {
      const bytes = (await parts.store.logEntry(at))?.entry ?? new Uint8Array()
      const proof = await parts.reader.inclusion(at, size)
      verifyInclusion(nodeCrypto, {
        leaf: hashLeaf(nodeCrypto, bytes),
        index: at,
        size,
        root,
        proof,
      })
    }
    const service = { store: parts.store, log: parts.reader, logIdentity: parts.logIdentity }
    await assert.rejects(assembleReceipt(service, 0), { code: 'RECEIPT_NOT_FOUND' })
  })

  test('answers the same release again with the same entry, also when it has ended', async () => {
    const { connection } = await waiting()
    const release = await released()
    const both = await Promise.all([
      parts.releases.release('one', release),
      parts.releases.release('one', release),
    ])
    assert.deepEqual(both[0], both[1])
    await parts.control.cancel('one', '')
    assert.deepEqual(await parts.releases.release('one', release), both[0])
    assert.equal(parts.logWriter.size, 1)
    assert.equal((await connection.batch()).attempts.length, 1)
  })

  for (const [what, code, change] of [
    ['another job', 'RELEASE_WRONG_JOB', { job: 'j0' }],
    ['another spec', 'RELEASE_WRONG_SPEC', { spec: '00'.repeat(32) }],
    ['another enclave', 'RELEASE_WRONG_ENCLAVE', { enclave: '00'.repeat(32) }],
    ['evidence that was not shown', 'RELEASE_WRONG_EVIDENCE', { evidence: '00'.repeat(32) }],
    ['a time that is over', 'RELEASE_EXPIRED', { notAfter: '2026-05-31T00:00:00Z' }],
  ] as const) {
    test(`refuses a release for ${what}, and goes on waiting`, async () => {
      await waiting()
      await assert.rejects(parts.releases.release('one', await released('one', change)), { code })
      assert.equal(parts.logWriter.size, 0)
      await parts.releases.release('one', await released())
    })
  }

  test('refuses what is no release', async () => {
    await waiting()
    await assert.rejects(parts.releases.release('one', utf8('{}')), { code: 'RELEASE_FORMAT' })
  })

  test('refuses the release of another job, and its own once more for the next attempt', async () => {
    const { connection } = await waiting()
    await parts.create('two', { sealed })
    await waits('two')
    const one = await released('one')
    await assert.rejects(parts.releases.release('two', one), { code: 'RELEASE_WRONG_JOB' })
    await parts.releases.release('one', one)
    const batch = await connection.batch()
    const failure = { code: 'ENCLAVE_FAILED', message: 'it fell', hint: '', retryable: true }
    batch.tell(batch.attempts[0]!, { case: 'failure', value: failure })
    await reaches('QUEUED')
    parts.advance(1000)
    await waits('one', 2)
    await assert.rejects(parts.releases.release('one', one), { code: 'RELEASE_WRONG_EVIDENCE' })
  })

  test('fails when the key does not come in time', async () => {
    const { worker } = await waiting()
    parts.advance(keyTimeoutMs - 1)
    assert.equal((await stored()).state, 'PLACED')
    parts.advance(1)
    await reaches('FAILED')
    assert.equal((await stored()).error?.code, 'KEY_RELEASE_TIMEOUT')
    assert.equal(worker.view().running, 0)
    await assert.rejects(parts.releases.challenge('one', systemRandom(32)), {
      code: 'KEY_NOT_AWAITED',
    })
  })

  test('gives nothing away about jobs that wait for no key', async () => {
    await parts.create('plain')
    for (const [id, code] of [
      ['plain', 'KEY_NOT_AWAITED'],
      ['none', 'JOB_NOT_FOUND'],
    ] as const) {
      await assert.rejects(parts.releases.challenge(id, systemRandom(32)), { code })
    }
  })

  test('is placed anew when its worker is gone while it waits', async () => {
    const { worker, connection } = await waiting()
    worker.disconnect()
    connection.hangUp()
    await reaches('QUEUED')
    assert.equal((await stored()).error, undefined)
    assert.equal((await stored()).awaitsKeyUntil, undefined)
    await parts.join('w2')
    parts.advance(100)
    await waits('one', 2)
    assert.equal((await stored()).worker, 'w2')
  })

  test('lets the next attempt wait whose predecessor was lost while its release was written', async () => {
    const { worker, connection } = await waiting()
    const commit = parts.table.commit.bind(parts.table)
    const goOn = Promise.withResolvers<void>()
    parts.table.commit = async (mutations) => {
      await commit(mutations)
      if (mutations.some(({ kind }) => kind === 'append-log')) await goOn.promise
    }
    const recording = parts.releases.release('one', await released())
    await until('it is written', async () => (await stored()).release !== undefined)
    worker.disconnect()
    connection.hangUp()
    await reaches('QUEUED')
    await parts.join('w2')
    parts.advance(100)
    await waits('one', 2)
    goOn.resolve()
    assert.equal((await recording).index, 0)
    parts.table.commit = commit
    await parts.releases.release('one', await released())
    assert.equal((await stored()).worker, 'w2')
    assert.equal((await stored()).failures, 1)
  })

  test('is placed anew when the enclave has restarted before the evidence or the release', async () => {
    const { worker } = await waiting()
    const release = await released()
    const other = makeEnclave(parts.clock)
    worker.enclave = { ...worker.enclave!, spki: other.spki }
    await assert.rejects(parts.releases.release('one', release), { code: 'RELEASE_WRONG_ENCLAVE' })
    await reaches('QUEUED')
    parts.advance(100)
    await waits('one', 2)
    // The evidence still comes from the first enclave, which is not the admitted one any more.
    await assert.rejects(released(), { code: 'UNAVAILABLE' })
    assert.equal(parts.logWriter.size, 0)
  })

  test('keeps a release that the enclave may never have seen, and drops one that was used', async () => {
    const { connection } = await waiting()
    const release = await released()
    await parts.releases.release('one', release)
    const first = await connection.batch()
    first.breakOff()
    await reaches('QUEUED')
    parts.advance(100)
    const second = await connection.batch()
    assert.deepEqual(Buffer.from(second.attempts[0]!.release), Buffer.from(release))
    const { failures } = await stored()
    const failure = { code: 'RELEASE_USED_UP', message: 'used', hint: '', retryable: true }
    second.tell(second.attempts[0]!, { case: 'failure', value: failure })
    await waits('one', 3)
    const record = await stored()
    assert.equal(record.failures, failures, 'that costs no attempt')
    assert.equal(record.release, undefined)
  })

  test('asks anew where the next worker is another one', async () => {
    const { worker, connection } = await waiting()
    await parts.releases.release('one', await released())
    const batch = await connection.batch()
    worker.disconnect()
    batch.breakOff()
    await reaches('QUEUED')
    await parts.join('w2')
    parts.advance(100)
    await waits('one', 2)
    await parts.releases.release('one', await released())
    assert.equal(parts.logWriter.size, 2)
  })

  test('is taken up after a crash with the release that is in the log', async () => {
    const { folder, clock } = parts
    const { enclave } = await waiting()
    const release = await released()
    await parts.releases.release('one', release)
    await parts.close('keep')
    parts = await openParts(folder, fakeClock(clock.now()))
    const { connection } = await parts.join('w1', 8, enclave)
    const { attempts } = await connection.batch()
    assert.deepEqual(Buffer.from(attempts[0]!.release), Buffer.from(release))
    assert.equal(attempts[0]?.number, 2)
  })

  test('refuses a result that says nothing of the sealed inputs, or of another release', async () => {
    const { connection, enclave } = await waiting()
    await parts.releases.release('one', await released())
    const batch = await connection.batch()
    const attempt = batch.attempts[0]!
    const value = await enclave.result(attempt, parts.logIdentity)
    batch.tell(attempt, { case: 'result', value })
    await reaches('QUEUED')
    assert.match(parts.events.at(-1)?.message ?? '', /RESULT_MISMATCH.*sealed inputs/)
  })

  test('keeps the order of the log while releases and results come at once', async () => {
    const { connection, enclave } = await parts.join('w1', 64)
    const ids = Array.from({ length: 12 }, (_, at) => `s${at}`)
    for (const id of ids) await parts.create(id, { sealed })
    for (const id of ids) await parts.create(`p${id}`)
    for (const id of ids) await waits(id)
    const results = (async () => {
      for (let open = ids.length; open > 0; ) {
        const batch = await connection.batch()
        for (const attempt of batch.attempts.filter(({ release }) => release.length === 0)) {
          const value = await enclave.result(attempt, parts.logIdentity)
          batch.tell(attempt, { case: 'result', value })
          open--
        }
      }
    })()
    const recorded = await Promise.all(
      ids.map(async (id) => parts.releases.release(id, await released(id))),
    )
    await results
    for (const id of ids) await reaches('SUCCEEDED', `p${id}`)
    const receipts = await Promise.all(ids.map(async (id) => (await stored(`p${id}`)).receiptIndex))
    const all = [...recorded.map(({ index }) => index), ...receipts]
    assert.deepEqual(
      all.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
      all.map((_, at) => at),
    )
    assert.equal(parts.logWriter.size, 2 * ids.length)
  })
})

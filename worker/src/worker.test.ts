import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { AttemptUpdate } from '@vorta/api'
import {
  type EnclaveKeyClaims,
  type Evidence,
  measurementOf,
  simulatedAnchor,
  verifyEvidence,
} from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { fromUtf8, systemRandom, toBase64, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { createLogger } from '@vorta/core/log'
import { maxArtifactBytes } from '@vorta/enclave'
import { exampleFiles, exampleLog, falseFiles, sha256 } from '@vorta/enclave/testkit/example'
import { envelopeDecoder, openEnvelope } from '@vorta/receipt/dsse'
import { decodeStatement, payloadType } from '@vorta/receipt/statement'
import { workerConfigDecoder } from './config.ts'
import {
  attemptOf,
  attempts,
  digestsOf,
  execute,
  failureCode,
  inlineOf,
  spelledAnew,
} from './testkit/attempts.ts'
import { joinToken, type Peer, startMainframe, type TestMainframe } from './testkit/mainframe.ts'
import { startWorker, type Worker } from './worker.ts'

const log = createLogger('test', 'silent')
const retry = { minMs: 5, maxMs: 40 }
const inline = inlineOf(exampleFiles)

suite('a worker', () => {
  let mainframe: TestMainframe
  let folder: string
  let worker: Worker
  let peer: Peer

  before(async () => {
    mainframe = await startMainframe()
    folder = await mkdtemp(join(tmpdir(), 'vorta-worker-'))
    const config = decode(
      workerConfigDecoder,
      { mainframe: { endpoint: mainframe.endpoint }, dataFolder: folder },
      (text) => new Error(text),
    )
    const token = () => joinToken
    worker = await startWorker({ config, workerId: 'worker-01', joinToken: token, log, retry })
  })

  after(async () => {
    await worker.stop()
    mainframe.close()
    await rm(folder, { recursive: true })
  })

  // Each test has a connection of its own, on which nothing was agreed yet.
  beforeEach(async () => {
    peer = await mainframe.join()
  })
  afterEach(() => peer.cut())

  const admit = async (): Promise<void> => {
    await peer.client.attest({ nonce: systemRandom(32) })
    await peer.admit()
  }

  test('describes itself, proves its enclave, and signs what the enclave found', async () => {
    assert.equal(peer.workerId, 'worker-01')
    const about = await peer.client.describe({})
    assert.equal(about.workerId, 'worker-01')
    assert.equal(about.tee?.kind, 'simulated')
    assert.equal(about.enclaveGeneration, 1n)

    const nonce = systemRandom(32)
    const answer = await peer.client.attest({ nonce })
    const now = Date.now()
    const evidence: Evidence = {
      tee: 'simulated',
      claims: JSON.parse(fromUtf8(answer.claims) ?? '') as EnclaveKeyClaims,
      quote: toBase64(answer.quote),
      collateral: simulatedCollateral(now),
    }
    const options = { anchors: [simulatedAnchor], now, nonce: toHex(nonce) }
    const { quote, spki } = await verifyEvidence(nodeCrypto, evidence, options)
    assert.equal(measurementOf(quote), about.tee?.measurement)
    await peer.admit()

    const batch = { attempts: [attemptOf('j1')], log: exampleLog, inline }
    const [starting, running, ended, more] = (await execute(peer, batch)).get('j1') ?? []
    assert.deepEqual([starting?.case, running?.case, more], ['starting', 'running', undefined])
    assert.ok(ended?.case === 'result')
    const envelope = envelopeDecoder(JSON.parse(fromUtf8(ended.value.envelope) ?? ''))
    const payload = await openEnvelope(nodeCrypto, envelope, { payloadType, spki })
    const { predicate } = decodeStatement(payload)
    assert.equal(predicate.job.uid, 'j1')
    assert.equal(predicate.attempt.token, '01'.repeat(16))
    assert.equal(predicate.proof.verdict, 'valid')
    assert.equal(predicate.trace, sha256(ended.value.trace))
  })

  test('fetches what is missing in one download, and what it has never again', async () => {
    await admit()
    const [good, bad] = [spelledAnew(exampleFiles), spelledAnew(falseFiles)]
    for (const { digest, data } of [...inlineOf(good), ...inlineOf(bad)]) {
      mainframe.artifacts.set(digest, data)
    }
    const batch = { attempts: [attemptOf('good', good), attemptOf('bad', bad)], log: exampleLog }
    const earlier = mainframe.downloads.length
    const told = await execute(peer, batch)
    assert.equal(told.get('good')?.at(-1)?.case, 'result')
    assert.equal(told.get('bad')?.at(-1)?.case, 'result')
    const downloaded = mainframe.downloads.slice(earlier)
    assert.equal(downloaded.length, 1)
    assert.ok(downloaded[0]?.includes(`sha256:${sha256(good.proof)}`))
    assert.ok(downloaded[0]?.includes(`sha256:${sha256(bad.proof)}`))
    await execute(peer, batch)
    assert.equal(mainframe.downloads.length, earlier + 1)
  })

  test('refuses artifact bytes that have another digest, sent along or downloaded', async () => {
    await admit()
    const files = spelledAnew(exampleFiles)
    const proof = `sha256:${sha256(files.proof)}`
    const forged = inlineOf(files).map(({ digest, data }) =>
      digest === proof ? { digest, data: utf8('{}') } : { digest, data },
    )
    const batch = { attempts: [attemptOf('j1', files)], log: exampleLog }
    const sentAlong = await execute(peer, { ...batch, inline: forged })
    assert.equal(failureCode(sentAlong.get('j1')), 'DIGEST_MISMATCH')
    mainframe.artifacts.set(proof, utf8('{}'))
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), 'DIGEST_MISMATCH')
    mainframe.artifacts.set(proof, files.proof)
    assert.equal((await execute(peer, batch)).get('j1')?.at(-1)?.case, 'result')
  })

  test('fails the attempts whose artifacts cannot be had, and runs the others', async () => {
    await admit()
    const both = [attemptOf('good'), attemptOf('bad', spelledAnew(exampleFiles))]
    const told = await execute(peer, { attempts: both, log: exampleLog, inline })
    assert.equal(failureCode(told.get('bad')), 'ARTIFACT_NOT_FOUND')
    assert.equal(told.get('good')?.at(-1)?.case, 'result')
  })

  test('cuts a batch too large for one message, and refuses a job that is', async () => {
    await admit()
    const mebi = 2 ** 20
    const withProofOf = (size: number) => ({ ...exampleFiles, proof: new Uint8Array(size) })
    const large = [3 * mebi, 4 * mebi, 5 * mebi].map(withProofOf)
    const huge = withProofOf(maxArtifactBytes + 1)
    for (const { digest, data } of [...large, huge].flatMap(inlineOf)) {
      mainframe.artifacts.set(digest, data)
    }
    const batch = {
      attempts: large
        .map((files, index) => attemptOf(`j${index}`, files))
        .concat(attemptOf('good')),
      log: exampleLog,
    }
    const told = await execute(peer, batch)
    const refusals = large.map((_, index) => failureCode(told.get(`j${index}`)))
    assert.deepEqual(refusals, ['SIZE_LIMIT', 'SIZE_LIMIT', 'SIZE_LIMIT'])
    assert.equal(told.get('good')?.at(-1)?.case, 'result')
    const alone = await execute(peer, { attempts: [attemptOf('huge', huge)], log: exampleLog })
    assert.equal(failureCode(alone.get('huge')), 'TOO_LARGE')
  })

  test('does not begin what is wanted no more', async () => {
    await admit()
    const late = { ...attemptOf('late'), deadline: timestampFromMs(Date.now() - 1000) }
    const told = await execute(peer, { attempts: [late], log: exampleLog, inline })
    assert.deepEqual(
      told.get('late')?.map(({ case: what }) => what),
      ['failure'],
    )
    assert.equal(failureCode(told.get('late')), 'JOB_EXPIRED')
  })

  test('reports a dead enclave, and works with the next one once that is attested', async () => {
    await admit()
    const pid = worker.enclavePid
    assert.ok(pid)
    let killed = false
    const told = await execute(
      peer,
      { attempts: attempts(64), log: exampleLog, inline },
      ({ update }) => {
        if (killed || update.case !== 'result') return
        killed = process.kill(pid, 'SIGKILL')
      },
    )
    const codes = new Set([...told.values()].map(failureCode))
    assert.deepEqual(codes, new Set([undefined, 'ENCLAVE_LOST']))
    for (const updates of told.values()) {
      const last = updates.at(-1)
      assert.ok(last?.case === 'result' || (last?.case === 'failure' && last.value.retryable))
    }

    for await (const { enclaveReady, enclaveGeneration } of peer.client.watchStatus({})) {
      if (enclaveReady && enclaveGeneration === 2n) break
    }
    const batch = { attempts: [attemptOf('again')], log: exampleLog, inline }
    assert.equal(failureCode((await execute(peer, batch)).get('again')), 'UNAVAILABLE')
    const { enclaveGeneration } = await peer.client.attest({ nonce: systemRandom(32) })
    assert.equal(enclaveGeneration, 2n)
    await peer.admit()
    assert.equal((await execute(peer, batch)).get('again')?.at(-1)?.case, 'result')
  })

  test('joins again when the connection is cut, and drops what ran on it', async () => {
    await admit()
    const cutAtFirstResult = ({ update }: AttemptUpdate) => update.case === 'result' && peer.cut()
    await assert.rejects(
      execute(peer, { attempts: attempts(64), log: exampleLog, inline }, cutAtFirstResult),
    )
    peer = await mainframe.join()
    await admit()
    for await (const { usage } of peer.client.watchStatus({ intervalMs: 100 })) {
      if (usage?.running === 0) break
    }
    const batch = { attempts: [attemptOf('again')], log: exampleLog, inline }
    assert.equal((await execute(peer, batch)).get('again')?.at(-1)?.case, 'result')
  })

  test('goes on asking to join after a refusal', async () => {
    mainframe.accept('another token')
    peer.cut()
    assert.equal(await mainframe.refusal(), 'worker-01')
    assert.equal(await mainframe.refusal(), 'worker-01')
    mainframe.accept(joinToken)
    peer = await mainframe.join()
    assert.equal(peer.workerId, 'worker-01')
  })

  test('takes no work before it is admitted, nor after a refusal', async () => {
    const batch = { attempts: [attemptOf('j1')], log: exampleLog, inline }
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), 'UNAVAILABLE')
    await peer.client.attest({ nonce: systemRandom(32) })
    await peer.admit()
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), undefined)
    await peer.client.admit({ accepted: false, code: 'TCB_STATUS_NOT_ALLOWED', message: 'old' })
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), 'UNAVAILABLE')
  })

  test('aborts the jobs it is told to, and keeps the others', async () => {
    await admit()
    const all = attempts(64)
    const aborted = all.slice(32).map(({ jobUid }) => jobUid)
    let asked: Promise<unknown> | undefined
    const told = await execute(peer, { attempts: all, log: exampleLog, inline }, ({ update }) => {
      if (update.case === 'running') asked ??= peer.client.abort({ jobUids: aborted })
    })
    await asked
    const codes = aborted.map((uid) => failureCode(told.get(uid)))
    assert.ok(codes.includes('JOB_CANCELLED'))
    const kept = all.slice(0, 32).map(({ jobUid }) => told.get(jobUid)?.at(-1)?.case)
    assert.ok(kept.every((ended) => ended === 'result'))
  })

  test('refuses what exceeds its slots and its page cache, and tells its load', async () => {
    await admit()
    const told = await execute(peer, { attempts: attempts(70), log: exampleLog, inline })
    const refused = [...told.values()].filter((updates) => failureCode(updates) === 'UNAVAILABLE')
    assert.equal(refused.length, 70 - 64)
    for await (const report of peer.client.watchStatus({ intervalMs: 100 })) {
      assert.ok(digestsOf(exampleFiles).every((digest) => report.cached.includes(digest)))
      assert.equal(report.usage?.slots, 64)
      assert.equal(report.usage?.epcFreeBytes, 256n * 1024n * 1024n)
      assert.ok((report.usage?.memoryFreeBytes ?? 0n) > 0n)
      break
    }
  })

  test('reports artifacts as they enter the cache', async () => {
    await admit()
    const files = spelledAnew(exampleFiles)
    const proof = `sha256:${sha256(files.proof)}`
    let reports = 0
    for await (const { cached } of peer.client.watchStatus({ intervalMs: 60_000 })) {
      if (cached.includes(proof)) break
      const batch = { attempts: [attemptOf('j1', files)], log: exampleLog, inline: inlineOf(files) }
      if (reports++ === 0) void execute(peer, batch)
    }
    assert.ok(reports > 0)
  })

  test('refuses a nonce that is none', async () => {
    await assert.rejects(peer.client.attest({ nonce: new Uint8Array(31) }), /expected 32 bytes/)
  })

  test('finishes what runs, and takes no more, when it is told to stop', async () => {
    await admit()
    let stopped: Promise<void> | undefined
    const draining = Promise.withResolvers<void>()
    const watching = (async () => {
      for await (const report of peer.client.watchStatus({}))
        if (report.draining) draining.resolve()
    })()
    const told = await execute(
      peer,
      { attempts: attempts(64), log: exampleLog, inline },
      ({ update }) => {
        if (update.case === 'result') stopped ??= worker.stop()
      },
    )
    assert.ok([...told.values()].every((updates) => updates.at(-1)?.case === 'result'))
    await draining.promise
    await watching
    await stopped
    await peer.closed
    assert.equal(worker.enclavePid, undefined)
  })
})

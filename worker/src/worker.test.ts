import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import type { AttemptUpdate } from '@vorta/api'
import {
  type EnclaveKeyClaims,
  type Evidence,
  simulatedAnchor,
  verifyEvidence,
} from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { fromUtf8, systemRandom, toBase64, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { createLogger } from '@vorta/core/log'
import {
  artifactsOf,
  exampleFiles,
  exampleLog,
  falseFiles,
  sha256,
} from '@vorta/enclave/testkit/example'
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

  beforeEach(async () => {
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

  afterEach(async () => {
    await worker.stop()
    mainframe.close()
    await rm(folder, { recursive: true })
  })

  /** The next worker to join, attested and admitted. */
  const admitted = async (): Promise<Peer> => {
    const peer = await mainframe.join()
    await peer.client.attest({ nonce: systemRandom(32) })
    await peer.admit()
    return peer
  }

  test('describes itself, proves its enclave, and signs what the enclave found', async () => {
    const peer = await mainframe.join()
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
    assert.equal(quote.mrenclave, about.tee?.measurement)
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
    const peer = await admitted()
    for (const { digest, data } of [...inline, ...inlineOf(falseFiles)]) {
      mainframe.artifacts.set(digest, data)
    }
    const both = [attemptOf('good'), attemptOf('bad', falseFiles)]
    const first = await execute(peer, { attempts: both, log: exampleLog })
    assert.deepEqual(
      [first.get('good')?.at(-1)?.case, first.get('bad')?.at(-1)?.case],
      ['result', 'result'],
    )
    const wanted = new Set([...digestsOf(exampleFiles), ...digestsOf(falseFiles)])
    assert.deepEqual(
      mainframe.downloads.map((digests) => new Set(digests)),
      [wanted],
    )
    await execute(peer, { attempts: both, log: exampleLog })
    assert.equal(mainframe.downloads.length, 1)
  })

  test('refuses artifact bytes that have another digest, sent along or downloaded', async () => {
    const peer = await admitted()
    const [key, inputs, proof] = inline
    assert.ok(key && inputs && proof)
    const forged = { ...proof, data: utf8('{}') }
    const batch = { attempts: [attemptOf('j1')], log: exampleLog, inline: [key, inputs, forged] }
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), 'DIGEST_MISMATCH')
    mainframe.artifacts.set(proof.digest, forged.data)
    const retried = { ...batch, inline: [] }
    assert.equal(failureCode((await execute(peer, retried)).get('j1')), 'DIGEST_MISMATCH')
    mainframe.artifacts.set(proof.digest, proof.data)
    assert.equal(failureCode((await execute(peer, retried)).get('j1')), undefined)
  })

  test('fails the attempts whose artifacts cannot be had, and runs the others', async () => {
    const peer = await admitted()
    const both = [attemptOf('good'), attemptOf('bad', falseFiles)]
    const told = await execute(peer, { attempts: both, log: exampleLog, inline })
    assert.equal(failureCode(told.get('bad')), 'ARTIFACT_NOT_FOUND')
    assert.equal(told.get('good')?.at(-1)?.case, 'result')
  })

  test('reports a dead enclave, and works with the next one once that is attested', async () => {
    const peer = await admitted()
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
    const peer = await admitted()
    const cutAtFirstResult = ({ update }: AttemptUpdate) => update.case === 'result' && peer.cut()
    await assert.rejects(
      execute(peer, { attempts: attempts(64), log: exampleLog, inline }, cutAtFirstResult),
    )
    const again = await admitted()
    for await (const { usage } of again.client.watchStatus({ intervalMs: 100 })) {
      if (usage?.running === 0) break
    }
    const batch = { attempts: [attemptOf('again')], log: exampleLog, inline }
    assert.equal((await execute(again, batch)).get('again')?.at(-1)?.case, 'result')
  })

  test('goes on asking to join after a refusal', async () => {
    const peer = await mainframe.join()
    mainframe.accept('another token')
    peer.cut()
    assert.equal(await mainframe.refusal(), 'worker-01')
    assert.equal(await mainframe.refusal(), 'worker-01')
    mainframe.accept(joinToken)
    assert.equal((await mainframe.join()).workerId, 'worker-01')
  })

  test('takes no work before it is admitted, nor after a refusal', async () => {
    const peer = await mainframe.join()
    const batch = { attempts: [attemptOf('j1')], log: exampleLog, inline }
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), 'UNAVAILABLE')
    await peer.client.attest({ nonce: systemRandom(32) })
    await peer.admit()
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), undefined)
    await peer.client.admit({ accepted: false, code: 'TCB_STATUS_NOT_ALLOWED', message: 'old' })
    assert.equal(failureCode((await execute(peer, batch)).get('j1')), 'UNAVAILABLE')
  })

  test('aborts the jobs it is told to, and keeps the others', async () => {
    const peer = await admitted()
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
    const peer = await admitted()
    const told = await execute(peer, { attempts: attempts(70), log: exampleLog, inline })
    const refused = [...told.values()].filter((updates) => failureCode(updates) === 'UNAVAILABLE')
    assert.equal(refused.length, 70 - 64)
    for await (const report of peer.client.watchStatus({ intervalMs: 100 })) {
      assert.deepEqual(new Set(report.cached), new Set(digestsOf(exampleFiles)))
      assert.equal(report.usage?.slots, 64)
      assert.equal(report.usage?.epcFreeBytes, 256n * 1024n * 1024n)
      assert.ok((report.usage?.memoryFreeBytes ?? 0n) > 0n)
      break
    }
  })

  test('reports artifacts as they enter the cache', async () => {
    const peer = await admitted()
    const cached = new Set<string>()
    for await (const report of peer.client.watchStatus({ intervalMs: 60_000 })) {
      for (const digest of report.cached) cached.add(digest)
      if (cached.size === 3) break
      void execute(peer, { attempts: [attemptOf('j1')], log: exampleLog, inline })
    }
    assert.deepEqual(
      cached,
      new Set(Object.keys(artifactsOf(exampleFiles)).map((d) => `sha256:${d}`)),
    )
  })

  test('finishes what runs, and takes no more, when it is told to stop', async () => {
    const peer = await admitted()
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

  test('refuses a nonce that is none', async () => {
    const peer = await mainframe.join()
    await assert.rejects(peer.client.attest({ nonce: new Uint8Array(31) }), /expected 32 bytes/)
  })
})

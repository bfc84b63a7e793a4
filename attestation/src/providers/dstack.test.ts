import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { DstackClient } from '@phala/dstack-sdk'
import { toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { simulatedAnchor } from '../anchors.ts'
import { verifyEventLogOf } from '../evidence.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { startDstackAgent } from '../testkit/dstack-agent.ts'
import { verifyQuote } from '../verify-quote.ts'
import { connectDstack, openDstackProvider } from './dstack.ts'

const now = Date.now()
const folder = mkdtempSync(join(tmpdir(), 'vorta-dstack-'))
const appCompose = utf8('{"name":"worker","docker_compose_file":"services: {}"}')
after(() => rmSync(folder, { recursive: true, force: true }))

const transports = [
  { name: 'a unix socket', socket: join(folder, 'dstack.sock') },
  { name: 'HTTP' },
]
for (const { name, socket } of transports) {
  suite(`a dstack guest agent on ${name}`, async () => {
    const agent = await startDstackAgent({ appCompose, now, ...(socket && { socket }) })
    after(agent.close)
    const client = new DstackClient(agent.endpoint)

    test('gives quotes that verify with their event log, at once and again', async () => {
      const provider = await openDstackProvider(agent.endpoint)
      assert.equal(provider.tee, 'simulated')
      assert.equal(provider.measurement, agent.guest.mrtd)
      assert.match(provider.description, /SIMULATED/)
      const collateral = simulatedCollateral(now, { tee: 'tdx' })
      const asked = [1, 2, 3, 4].map((fill) => new Uint8Array(64).fill(fill))
      const fresh = await Promise.all(asked.map((reportData) => provider.quote(reportData)))
      for (const [index, { quote, eventLog = '' }] of fresh.entries()) {
        const options = { anchors: [simulatedAnchor], now }
        const verified = await verifyQuote(nodeCrypto, quote, collateral, options)
        assert.deepEqual(toHex(verified.reportData), toHex(asked[index]!))
        assert.deepEqual(verifyEventLogOf(nodeCrypto, verified, eventLog), agent.guest.identity)
      }
    })

    test('extends its log and its register together', async () => {
      const before = agent.guest.registers()[3]
      await client.emitEvent('compose-hash', utf8('late'))
      assert.notEqual(agent.guest.registers()[3], before)
      const { quote, eventLog = '' } = await (await openDstackProvider(agent.endpoint)).quote(
        new Uint8Array(64),
      )
      const options = { anchors: [simulatedAnchor], now }
      const collateral = simulatedCollateral(now, { tee: 'tdx' })
      const verified = await verifyQuote(nodeCrypto, quote, collateral, options)
      assert.deepEqual(verifyEventLogOf(nodeCrypto, verified, eventLog), agent.guest.identity)
    })

    test('answers the SDK in every other way too', async () => {
      const { identity } = agent.guest
      assert.equal(await client.isReachable(), true)
      assert.equal((await client.version()).rev, 'SIMULATED')
      const info = await client.info()
      assert.equal(info.app_id, identity.appId)
      assert.equal(info.tcb_info.rtmr3, agent.guest.registers()[3])
      const fresh = await client.getQuote('01')
      assert.equal(fresh.report_data, '3031'.padEnd(128, '0')) // raw: neither tag nor hash
      assert.deepEqual(fresh.replayRtmrs(), agent.guest.registers())
      await assert.rejects(client.getQuote(new Uint8Array(65)), /too large/)
      const { key, signature_chain } = await client.getKey('path', 'purpose')
      const message = utf8(`purpose:${toHex(secp256k1.getPublicKey(key))}`)
      const [signature] = signature_chain
      assert.equal(signature?.length, 65)
      const recovered = secp256k1.Signature.fromCompact(signature.slice(0, 64))
        .addRecoveryBit(signature[64]!)
        .recoverPublicKey(keccak_256(message))
      assert.ok(
        secp256k1.verify(signature.slice(0, 64), keccak_256(message), recovered.toRawBytes()),
      )
    })

    test('gives TLS keys with a chain, and a quote in the certificate', async () => {
      const { key, cert } = await connectDstack(agent.endpoint).tlsKey('mainframe.example')
      const [leaf, ca] = cert.match(/-----BEGIN[^-]+-----[^-]+-----END CERTIFICATE-----/g) ?? []
      const certificate = new X509Certificate(leaf!)
      assert.ok(certificate.checkHost('mainframe.example'))
      assert.ok(certificate.verify(new X509Certificate(ca!).publicKey))
      assert.ok(certificate.publicKey.equals(createPublicKey(key)))
    })
  })
}

/** A server that is no guest agent, or a false one. */
async function servedBy(body: string): Promise<string> {
  const server = createServer((_, response) => response.end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const [what, body] of [
  ['no JSON', 'hello'],
  ['an error', '{"error":"quote: no device"}'],
  ['no quote', '{}'],
  ['a quote that is none', '{"quote":"00","event_log":"[]"}'],
  ['a quote and no log', '{"quote":"00"}'],
  ['null', 'null'],
] as const) {
  test(`refuses an agent that answers ${what}`, async () => {
    await assert.rejects(openDstackProvider(await servedBy(body)), { code: 'QUOTE_UNAVAILABLE' })
  })
}

test('refuses an agent whose quote answers something else', async () => {
  const agent = await startDstackAgent({ appCompose, now })
  after(agent.close)
  const { quote, eventLog } = agent.guest.quote(new Uint8Array(64).fill(9))
  const body = JSON.stringify({ quote: toHex(quote), event_log: eventLog })
  await assert.rejects(openDstackProvider(await servedBy(body)), /report data/)
})

test('says what is missing where there is no agent', async () => {
  await assert.rejects(openDstackProvider(join(folder, 'no.sock')), (error) => {
    assert.ok(error instanceof Error && 'hints' in error)
    assert.match(error.message, /no\.sock/)
    assert.match(String(error.hints), /docker-compose/)
    return true
  })
})

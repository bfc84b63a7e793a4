// The worker's end of RA-TLS against honest mainframes and false ones.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, suite, test } from 'node:test'
import { simulatedAnchor, verifyRaTlsCertificate } from '@vorta/attestation'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import {
  encodeRaTlsClaims,
  type KeyHolder,
  raTlsReportData,
} from '@vorta/attestation/ra-tls/claims'
import {
  createRaTlsKey,
  issueCertificate,
  type QuotedClaims,
} from '@vorta/attestation/ra-tls/issue'
import { identityOf } from '@vorta/attestation/ra-tls/same-enclave'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { openMainframeChannel } from './channel.ts'
import { dial } from './dial.ts'
import { openMainframePolicy } from './mainframe-policy.ts'
import {
  joinToken,
  startMainframe,
  type TestMainframe,
  type TestMainframeOptions,
} from './testkit/mainframe.ts'

const now = Date.now()
const day = 24 * 3_600_000
const platformId = new Uint8Array(16).fill(1)
const measurement = new Uint8Array(32).fill(2)
const provider = simulatedQuoteProvider({ platformId, measurement, now: () => now })

async function quoted(
  spki: Uint8Array,
  holder: KeyHolder,
  nonce?: Uint8Array,
): Promise<QuotedClaims> {
  const claims = encodeRaTlsClaims(nodeCrypto, { spki, holder, ...(nonce && { nonce }) })
  return { claims, ...(await provider.quote(raTlsReportData(nodeCrypto, claims))) }
}

const folder = mkdtempSync(join(tmpdir(), 'vorta-channel-'))
after(() => rmSync(folder, { recursive: true }))

function policyFile(mrenclave: Uint8Array): string {
  const file = join(folder, `${toHex(mrenclave).slice(0, 8)}.yaml`)
  const policy = { simulated: true, measurements: { mrenclave: [toHex(mrenclave)] } }
  writeFileSync(file, JSON.stringify(policy))
  return file
}

suite("a worker's channel", () => {
  let mainframe: TestMainframe
  afterEach(() => mainframe.close())

  /** Joins once; `demand` is the policy file, if the worker has one. */
  async function join(options: TestMainframeOptions, demand?: string) {
    mainframe = await startMainframe(options)
    const { endpoint } = mainframe
    const signal = AbortSignal.timeout(5_000)
    const config = { endpoint, joinTokenFile: '', ...(demand && { policyFile: demand }) }
    const dialled = await dial({ endpoint, ca: undefined, workerId: 'w1', joinToken, signal })
    return openMainframeChannel(dialled, {
      workerId: 'w1',
      vouch: (spki, nonce) => quoted(spki, 'host', nonce),
      mainframe: openMainframePolicy(config, undefined),
      now: () => now,
      signal,
    })
  }

  test("shows a certificate that the enclave vouches for, with the mainframe's challenge", async () => {
    await join({})
    const { certificate, nonce } = await mainframe.join()
    const { quote, holder } = await verifyRaTlsCertificate(nodeCrypto, certificate, {
      anchors: [simulatedAnchor],
      now,
      collateral: async () => simulatedCollateral(now),
      nonce,
    })
    assert.equal(holder, 'host')
    assert.deepEqual(identityOf(quote), {
      measurement: toHex(measurement),
      ppid: toHex(platformId),
    })
  })

  test('outlives a mainframe that resets the connection while the enclave makes its quote', async () => {
    mainframe = await startMainframe({})
    const { endpoint } = mainframe
    const signal = AbortSignal.timeout(5_000)
    const dialled = await dial({ endpoint, ca: undefined, workerId: 'w1', joinToken, signal })
    const opening = openMainframeChannel(dialled, {
      workerId: 'w1',
      vouch: async (spki, nonce) => {
        dialled.socket.emit('error', new Error('reset')) // as the kernel tells of it
        dialled.socket.destroy()
        await once(dialled.socket, 'close')
        return quoted(spki, 'host', nonce)
      },
      mainframe: undefined,
      now: () => now,
      signal,
    })
    await assert.rejects(opening, { code: 'RATLS_HANDSHAKE' })
  })

  test('tells why the mainframe refuses it', async () => {
    const verdict = '{"code":"DEBUG_NOT_ALLOWED","message":"no","hints":["h"]}\n'
    await assert.rejects(join({ verdict }), {
      code: 'DEBUG_NOT_ALLOWED',
      message: 'not admitted to the cluster: no',
      hints: ['h'],
    })
  })

  for (const [what, verdict] of [
    ['that is not JSON', 'hello\n'],
    ['with other members', '{"accepted":true}\n'],
    ['without end', 'x'.repeat(100_000)],
  ] as const) {
    test(`takes no verdict ${what}`, async () => {
      await assert.rejects(join({ verdict }), (error: { code?: string }) =>
        ['MALFORMED_JSON', 'JOIN_REFUSED'].includes(error.code ?? ''),
      )
    })
  }

  /** A mainframe in an enclave; what differs from an honest one is given. */
  async function attested(change: { holder?: KeyHolder; stolen?: boolean; at?: number } = {}) {
    const key = createRaTlsKey()
    const { spki } = change.stolen ? createRaTlsKey() : key
    const evidence = await quoted(spki, change.holder ?? 'enclave')
    const identity = issueCertificate({ key, commonName: 'm', evidence, now, lifetime: day })
    const collateral = JSON.stringify(simulatedCollateral(change.at ?? now))
    return { identity, collateral }
  }

  suite('that demands a mainframe in an enclave', () => {
    const demand = policyFile(measurement)

    test('accepts one that the policy names', async () => {
      await join(await attested(), demand)
      assert.equal((await mainframe.join()).workerId, 'w1')
    })

    for (const [what, code, options, file] of [
      ['one that shows no quote', 'RATLS_NO_EVIDENCE', async () => ({}), demand],
      [
        'a man in the middle, with the right quote and another key',
        'RATLS_KEY_MISMATCH',
        () => attested({ stolen: true }),
        demand,
      ],
      [
        'one that runs other code',
        'MEASUREMENT_NOT_ALLOWED',
        () => attested(),
        policyFile(new Uint8Array(32)),
      ],
      [
        'one whose collateral has expired',
        'CRL_EXPIRED',
        () => attested({ at: now - 60 * day }),
        demand,
      ],
      [
        'one that has no collateral',
        'COLLATERAL_UNAVAILABLE',
        async () => ({ identity: (await attested()).identity }),
        demand,
      ],
      ['the mere host of an enclave', 'RATLS_HOST_KEY', () => attested({ holder: 'host' }), demand],
    ] as const) {
      test(`refuses ${what}`, async () => {
        await assert.rejects(join(await options(), file), {
          code,
          message: /^the mainframe is not accepted: /,
        })
      })
    }
  })
})

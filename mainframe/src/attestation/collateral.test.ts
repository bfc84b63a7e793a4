// A whole mainframe that gets the collateral for its workers from a service: a
// stand-in here, and simulated workers, but over the same path as Intel's.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { simulatedAnchor } from '@vorta/attestation'
import { CollateralService } from '@vorta/attestation/collateral-service/collateral-service'
import { createPcsClient } from '@vorta/attestation/collateral-service/pcs-client'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedEvaluationNumbers } from '@vorta/attestation/simulated/evaluation-numbers'
import { startPcs } from '@vorta/attestation/testkit/pcs'
import { recoveryNumber, tcbRecovery } from '@vorta/attestation/testkit/tcb-recovery'
import { systemClock, systemRandom } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { makeEnclave } from '../testkit/enclave.ts'
import { openMainframe } from '../testkit/mainframe.ts'
import { temporaryFolder, until } from '../testkit/parts.ts'
import { honestWorker, joinMainframe, reportFeed } from '../testkit/worker.ts'

const day = 24 * 3_600_000

suite('a mainframe with a collateral service', () => {
  test('fetches, hands on, and forecasts', async (t) => {
    const now = systemClock.now()
    const [event, today] = [now - day, simulatedCollateral(now)]
    const recovery = tcbRecovery(now, event)
    const numbers = simulatedEvaluationNumbers(now, 'sgx', [
      { number: recoveryNumber, recoveryEventAt: event, tcbDate: event },
    ])
    const pcs = await startPcs({
      collateral: ({ update }) => (update === 'early' ? recovery : today),
      evaluationNumbers: () => numbers,
    })
    t.after(() => pcs.close())
    const mainframe = await openMainframe(temporaryFolder(), {
      collateral: { simulatedEndpoints: [{ url: pcs.url }] },
    })
    t.after(() => mainframe.remove())

    const enclave = makeEnclave(systemClock)
    const feed = reportFeed()
    t.after(() => feed.end())
    const { impl } = honestWorker(enclave, () => feed.read())
    feed.push()
    await joinMainframe(mainframe.url, mainframe.token('join'), impl, enclave)
    const worker = async () =>
      (await mainframe.admin.cluster.listWorkers({})).workers.find(({ forecast }) => forecast)
    await until('there is a forecast', worker)
    const { forecast, attestation } = (await worker()) ?? {}
    assert.equal(attestation?.accepted, true)
    assert.equal(forecast?.estimated, true)
    assert.equal(forecast.tcbStatus, 'OutOfDate')
    assert.equal(forecast.shortfalls[0]?.name, 'BIOS: Early Microcode Update')

    const metrics = await (await fetch(`${mainframe.url}/metrics`)).text()
    assert.match(metrics, /^vorta_tcb_grace_seconds_remaining\{worker="w1"\} 35\d{5}/m)
    assert.match(
      metrics,
      /^vorta_collateral_expires_seconds\{tee="sgx",fmspc="53494d000000",ca="platform",update="early"\} 25\d{5}/m,
    )
    const fetches = new RegExp(
      `^vorta_mainframe_collateral_fetches_total\\{endpoint="${new URL(pcs.url).host}",code="OK"\\} 3$`,
      'm',
    )
    assert.match(metrics, fetches)

    // Whoever needs it gets it from here, with the client that asks Intel.
    const asked = pcs.requests.length
    const client = createPcsClient({ url: `${mainframe.url}/pccs/simulated` })
    const service = await CollateralService.open(
      { clients: [client], anchors: [simulatedAnchor] },
      { crypto: nodeCrypto, clock: systemClock, random: systemRandom },
    )
    const { quote } = await enclave.attest(new Uint8Array(32))
    for (const [update, expected] of [
      ['standard', today],
      ['early', recovery],
      [recoveryNumber, recovery],
    ] as const) {
      const { collateral } = await service.forQuote(quote, update)
      assert.equal(collateral.tcb_info, expected.tcb_info)
      assert.equal(collateral.qe_identity, expected.qe_identity)
    }
    assert.equal(pcs.requests.length, asked)
    for (const [path, status] of [
      ['/pccs/intel/sgx/certification/v4/tcb?fmspc=53494d000000', 404],
      ['/pccs/simulated/sgx/certification/v4/tcb?fmspc=00906ed50000', 404],
      ['/pccs/simulated/sgx/certification/v4/tcb', 400],
      ['/pccs/other/sgx/certification/v4/rootcacrl', 404],
    ] as const) {
      assert.equal((await fetch(mainframe.url + path)).status, status, path)
    }
  })

  test('does not start with an endpoint that is none', async () => {
    const collateral = { endpoints: [{ url: 'http://pccs.example.org' }] }
    await assert.rejects(openMainframe(temporaryFolder(), { collateral }), {
      code: 'CONFIG_INVALID',
    })
  })
})

// PolicyService on a whole mainframe with a worker of the test's own.

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { ReplayPolicyResponse } from '@vorta/api'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { systemClock, toHex, utf8 } from '@vorta/core'
import { makeEnclave, testMeasurement } from '../testkit/enclave.ts'
import { codeOf, openMainframe, type TestMainframe } from '../testkit/mainframe.ts'
import { until } from '../testkit/parts.ts'
import { honestWorker, joinMainframe, reportFeed } from '../testkit/worker.ts'

suite('policy service', () => {
  let mainframe: TestMainframe
  const feed = reportFeed()

  before(async () => {
    mainframe = await openMainframe()
    const enclave = makeEnclave(systemClock)
    const { calls, impl } = honestWorker(enclave, feed.read)
    await joinMainframe(mainframe.url, mainframe.token('join'), impl, enclave)
    await until('the worker to be admitted', () => calls.admitted.length > 0)
  })

  after(async () => {
    feed.end()
    await mainframe.remove()
  })

  type Request = { readonly policy?: string; readonly collateral?: Uint8Array<ArrayBuffer> }

  async function replay(request: Request): Promise<readonly ReplayPolicyResponse[]> {
    const steps: ReplayPolicyResponse[] = []
    for await (const step of mainframe.admin.policies.replayPolicy(request)) steps.push(step)
    return steps
  }

  const own = `simulated: true\nmeasurements: {mrenclave: ["${toHex(testMeasurement)}"]}`

  test('finds nothing to change by the policy in force, however it is written', async () => {
    const steps = await replay({ policy: `# the same\n${own}\ntees: [sgx]` })
    const last = steps.at(-1)
    assert.deepEqual(
      steps.flatMap(({ changes }) => changes),
      [],
    )
    assert.deepEqual([last?.counts?.evidence, last?.counts?.workers], [1n, 1n])
    assert.equal(last?.currentPolicy, last?.proposedPolicy)
  })

  test('names the worker that another policy would refuse, and why', async () => {
    const steps = await replay({ policy: `${own.replace('true', 'false')}` })
    const [change, ...more] = steps.flatMap(({ changes }) => changes)
    assert.deepEqual([change?.name, more.length], ['workers/w1', 0])
    assert.match(change?.evidence ?? '', /^attestations\/[0-9a-f]{64}$/)
    const { before: was, after: is } = change!.asOfNow!
    assert.deepEqual([was?.state, is?.state, is?.rule], ['accepted', 'refused', 'simulated'])
    assert.equal(is?.code, 'SIMULATED_NOT_ALLOWED')
    assert.notEqual(steps[0]?.currentPolicy, steps[0]?.proposedPolicy)
  })

  test('judges by newer collateral, and says until when grace lasts', async () => {
    const collateral = utf8(
      JSON.stringify(simulatedCollateral(Date.now(), { tcbStatus: 'OutOfDate' })),
    )
    const [{ changes: [strict] = [] } = {}] = await replay({ collateral })
    assert.equal(strict?.asOfNow?.after?.code, 'TCB_STATUS_NOT_ALLOWED')
    assert.equal(strict?.asOfLogged?.after?.state, 'accepted')
    const policy = `${own}\ngrace: {statuses: [OutOfDate], until: 2099-01-01T00:00:00Z}`
    const [{ changes: [late] = [] } = {}] = await replay({ policy, collateral })
    assert.equal(late?.asOfNow?.after?.state, 'grace')
    assert.equal(late?.asOfNow?.after?.graceUntil?.seconds, 4_070_908_800n)
  })

  test('refuses what is no policy and no collateral, and who may not ask', async () => {
    const cases: readonly (readonly [Request, string])[] = [
      [{}, 'INVALID_ARGUMENT'],
      [{ policy: 'statuses: [Revoked]' }, 'CONFIG_INVALID'],
      [{ policy: '"' }, 'CONFIG_INVALID'],
      [{ policy: ' '.repeat(2 ** 20 + 1) }, 'TOO_LARGE'],
      [{ collateral: utf8('{') }, 'MALFORMED_JSON'],
      [{ collateral: utf8('{}') }, 'INVALID_ARGUMENT'],
    ]
    for (const [request, code] of cases) assert.equal(await codeOf(replay(request)), code)
    const worker = mainframe.as(mainframe.token('join')).policies
    const asked = worker.replayPolicy({ policy: own })[Symbol.asyncIterator]().next()
    assert.equal(await codeOf(asked), 'UNAUTHENTICATED')
  })

  test('runs one replay at a time, and another once the first is over or given up', async () => {
    const aborts = new AbortController()
    const calls = [1, 2, 3].map(() => replay({ policy: own }).then(() => 'done'))
    const outcomes = await Promise.all(calls.map((call) => call.catch(() => codeOf(call))))
    assert.ok(outcomes.includes('done'))
    assert.ok(outcomes.every((outcome) => outcome === 'done' || outcome === 'OVERLOADED'))

    const given = mainframe.admin.policies.replayPolicy({ policy: own }, { signal: aborts.signal })
    await given[Symbol.asyncIterator]().next()
    aborts.abort()
    await until('the next replay to be taken', async () =>
      replay({ policy: own }).then(
        () => true,
        () => false,
      ),
    )
    const metrics = await (await fetch(`${mainframe.url}/metrics`)).text()
    assert.match(metrics, /vorta_mainframe_policy_replay_seconds_count\{outcome="done"\} [1-9]/)
  })
})

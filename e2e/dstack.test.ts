// Workers inside a dstack confidential VM, against a stand-in for its guest
// agent: real processes, real sockets, a SIMULATED guest.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { type DstackStandIn, startDstackAgent } from '@vorta/attestation/testkit/dstack-agent'
import { utf8 } from '@vorta/core'
import { cli } from './kit/cli.ts'
import { createJob, ended, stateOf, upload } from './kit/jobs.ts'
import { factsOf, receiptOf } from './kit/receipts.ts'
import { bootSystem, temporaryFolder } from './kit/system.ts'

const { path: folder, remove } = temporaryFolder()
after(remove)

const write = (name: string, value: object): string => {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(value)) // JSON is YAML
  return path
}

/** A policy that names the guest and its application, and nothing else. */
const policyOf = ({ guest }: DstackStandIn, changes: object = {}) => {
  const [rtmr0, rtmr1, rtmr2] = guest.registers()
  const td = {
    mrtd: [guest.mrtd],
    rtmr0: [rtmr0],
    rtmr1: [rtmr1],
    rtmr2: [rtmr2],
    composeHash: [guest.identity.composeHash],
    appId: [guest.identity.appId],
    ...changes,
  }
  return { tees: ['tdx'], statuses: ['UpToDate'], measurements: { td: [td] } }
}

for (const [name, socket] of [
  ['a unix socket', join(folder, 'dstack.sock')],
  ['HTTP', undefined],
] as const) {
  suite(`a worker whose guest agent listens on ${name}`, async () => {
    const appCompose = utf8(`{"name":"vorta-worker","runner":"docker-compose","on":"${name}"}`)
    const agent = await startDstackAgent({
      appCompose,
      now: Date.now(),
      ...(socket !== undefined && { socket }),
    })
    after(agent.close)
    const tag = socket === undefined ? 'http' : 'socket'
    const policyFile = write(`${tag}-cluster.yaml`, { ...policyOf(agent), simulated: true })
    const mainframeConfig = write(`${tag}-mainframe.yaml`, {
      attestation: { policyFile, self: { provider: 'dstack', endpoint: agent.endpoint } },
      transparencyLog: { origin: 'dstack.test/log' },
    })
    const system = await bootSystem({
      workers: 1,
      mainframeConfig,
      workerConfig: { enclave: { tee: 'dstack', endpoint: agent.endpoint } },
    })
    const { client } = system
    const receipt = join(folder, `${tag}-receipt.json`)

    test('does a job whose receipt names the application, and says SIMULATED', async () => {
      await upload(client)
      const name = await createJob(client)
      const job = await ended(client, name)
      assert.equal(stateOf(job), 'SUCCEEDED', job.errorMessage)
      assert.equal(job.tee, 'simulated')
      const bytes = await receiptOf(client, name)
      const { quote, dstack, simulated, statement } = await factsOf(bytes)
      assert.ok(simulated && quote.tee === 'tdx')
      assert.equal(statement.predicate.enclave.kind, 'simulated')
      assert.equal(quote.td.mrtd, agent.guest.mrtd)
      assert.deepEqual(dstack, agent.guest.identity)
      writeFileSync(receipt, bytes)
    })

    test('gives a receipt that verifies offline by a policy about the application', async () => {
      const policy = write(`${tag}-policy.yaml`, policyOf(agent))
      const args = ['receipt', 'verify', receipt, '--policy', policy]
      const accepted = await cli([...args, '--allow-simulated'])
      assert.equal(accepted.code, 0, accepted.stdout + accepted.stderr)
      assert.match(accepted.stdout, /SIMULATED/)
      assert.match(accepted.stdout, new RegExp(agent.guest.identity.composeHash))
      const real = await cli(args)
      assert.equal(real.code, 5)
      assert.match(real.stdout, /SIMULATED_NOT_ALLOWED/)
    })

    test('joined a mainframe that proves itself, and the key that signs its log', async () => {
      const policy = write(`${tag}-mainframe-policy.yaml`, policyOf(agent))
      const args = ['mainframe', 'verify', '--policy', policy, '--allow-simulated', '-o', 'json']
      const { code, stdout, stderr } = await cli(args, system)
      assert.equal(code, 0, stderr)
      const { logSize, log, dstack } = JSON.parse(stdout)
      assert.equal(logSize, 1)
      assert.match(log, /^dstack\.test\/log\/SIMULATED\+/)
      assert.deepEqual(dstack, agent.guest.identity)
    })

    test('is refused by a policy that names another application', async () => {
      const other = policyOf(agent, { composeHash: ['11'.repeat(32)] })
      const policy = write(`${tag}-other.yaml`, other)
      const args = ['receipt', 'verify', receipt, '--policy', policy, '--allow-simulated']
      const refused = await cli(args)
      assert.equal(refused.code, 5)
      assert.match(refused.stdout, /MEASUREMENT_NOT_ALLOWED/)
    })
  })
}

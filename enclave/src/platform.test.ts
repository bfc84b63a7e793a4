// The enclave's programs where their platform is, and where it is not.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { startDstackAgent } from '@vorta/attestation/testkit/dstack-agent'
import { type Canonical, utf8 } from '@vorta/core'
import { description, readPart } from './protocol.ts'
import { entry, platformId, spawnEnclave } from './testkit/spawn.ts'

const dstackEntry = join(import.meta.dirname, 'dstack.ts')

test('proves itself inside a dstack guest by the guest', async (t) => {
  const agent = await startDstackAgent({ appCompose: utf8('{}'), now: Date.now() })
  t.after(agent.close)
  const enclave = spawnEnclave(dstackEntry)
  t.after(enclave.end)
  const { result } = await enclave.ask('start', { tee: 'dstack', endpoint: agent.endpoint })
  const { tee, measurement } = readPart(description, 'description', result)
  assert.equal(tee, 'simulated') // by the root that its quotes name
  assert.equal(measurement, agent.guest.mrtd)
  assert.match(enclave.stderr(), /SIMULATED/)
})

test('does not start on a platform that this machine is not', async () => {
  const refused = async (program: string, params: Canonical, code: string) => {
    const enclave = spawnEnclave(program)
    const { error } = await enclave.ask('start', params)
    await enclave.end()
    assert.equal(error?.code, code, error?.message)
  }
  await Promise.all([
    refused(entry, { tee: 'gramine' }, 'QUOTE_UNAVAILABLE'),
    refused(entry, { tee: 'dstack' }, 'ENCLAVE_FAILED'),
    refused(dstackEntry, { tee: 'dstack', endpoint: '/no/dstack.sock' }, 'QUOTE_UNAVAILABLE'),
    refused(dstackEntry, { tee: 'simulated', platformId }, 'ENCLAVE_FAILED'),
    refused(entry, { tee: 'simulated' }, 'INVALID_ARGUMENT'),
    refused(entry, { tee: 'gramine', platformId }, 'INVALID_ARGUMENT'),
    refused(entry, { tee: 'simulated', platformId, endpoint: 'x' }, 'INVALID_ARGUMENT'),
  ])
})

test('measures nothing of other platforms into an SGX enclave', () => {
  const foreign = measureProgram(entry).files.filter(({ path }) => /dstack|phala/.test(path))
  assert.deepEqual(
    foreign.map(({ path }) => path),
    ['attestation/src/dstack/limits.ts'],
  )
})

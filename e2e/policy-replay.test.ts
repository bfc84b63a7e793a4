// What another policy would say of a real worker and of a real receipt, asked on
// the command line.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { cli } from './kit/cli.ts'
import { createJob, ended, upload } from './kit/jobs.ts'
import { bootSystem } from './kit/system.ts'

const system = await bootSystem({ workers: 1 })
const { client, folder } = system

before(async () => {
  await upload(client)
  await ended(client, await createJob(client))
})

const replay = (...args: readonly string[]) => cli(['policy', 'replay', ...args], system)

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('changes nothing where the policy means the same', async () => {
  const { code, stdout, stderr } = await replay('--policy', write('same.yaml', 'simulated: true\n'))
  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /^0 of 1 workers and 0 of 1 receipts change; \d+ pieces of evidence/m)
})

test('names the worker and the receipt that a policy for hardware would refuse', async () => {
  const { code, stdout } = await replay('--policy', write('hardware.yaml', 'simulated: false\n'))
  assert.equal(code, 0)
  assert.match(stdout, /^workers\/worker-01\n {2}as of 2/)
  assert.match(stdout, /^receipts\/0\n/m)
  assert.match(stdout, /as of now +accepted -> refused {2}simulated: SIMULATED_NOT_ALLOWED: /)
})

test('shows the effect of a TCB recovery before it is adopted', async () => {
  const recovery = simulatedCollateral(Date.now(), { tcbStatus: 'OutOfDate', evaluationNumber: 19 })
  const collateral = write('early.json', JSON.stringify(recovery))
  const strict = await replay('--collateral', collateral, '-o', 'json')
  const { counts, changes, currentPolicy, proposedPolicy } = JSON.parse(strict.stdout)
  assert.equal(currentPolicy, proposedPolicy)
  assert.deepEqual([counts.workersChanged, counts.receiptsChanged], ['1', '1'])
  assert.equal(changes[0].asOfLogged.after.state, 'accepted')
  assert.equal(changes[0].asOfNow.after.code, 'TCB_STATUS_NOT_ALLOWED')

  const late = 'simulated: true\ngrace: { statuses: [OutOfDate], until: 2099-01-01T00:00:00Z }\n'
  const policy = write('grace.yaml', late)
  const { stdout } = await replay('--collateral', collateral, '--policy', policy)
  assert.match(stdout, /accepted -> grace until 2099-01-01T00:00:00Z/)
})

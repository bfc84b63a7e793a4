// A mainframe whose workers are appraised by an attestation service elsewhere:
// a job goes through with its word, and no worker is admitted without it.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Worker_State } from '@vorta/api'
import { waitFor } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { createJob, ended, stateOf, upload } from './kit/jobs.ts'
import { type Program, startProgram } from './kit/programs.ts'
import { factsOf, receiptOf } from './kit/receipts.ts'
import { bootSystem, temporaryFolder } from './kit/system.ts'

const { path: folder, remove } = temporaryFolder()
const dataFolder = join(folder, 'attestation')
let program: Program
let url = ''

async function start(): Promise<void> {
  const listen = url === '' ? '127.0.0.1:0' : new URL(url).host
  program = startProgram('vorta-attestation', [
    ...['--config', 'config/attestation.yaml', '--listen', listen, '--data-folder', dataFolder],
  ])
  url = await program.printed(/listening on (\S+)\n/)
}

await start()
const jwksFile = join(folder, 'jwks.json')
writeFileSync(jwksFile, await (await fetch(`${url}/.well-known/jwks.json`)).text())
const tokenFile = join(dataFolder, 'admin.token')
const service = JSON.stringify({ endpoint: url, tokenFile, jwksFile })
const mainframeConfig = join(folder, 'mainframe.yaml')
const text = readFileSync(join(root, 'config/mainframe.yaml'), 'utf8')
writeFileSync(mainframeConfig, text.replace(/^ {2}service: inside$/m, `  service: ${service}`))
const { client, cluster } = await bootSystem({ workers: 1, mainframeConfig })
after(async () => {
  await program.stop()
  remove()
})

test('its word admits a worker, and a job ends with a receipt', async () => {
  await upload(client)
  const job = await ended(client, await createJob(client))
  assert.equal(stateOf(job), 'SUCCEEDED', job.errorMessage)
  await factsOf(await receiptOf(client, job.name))
  // Asked through the mainframe; the result is the one that the service keeps.
  const { appraisals } = await client.attestation.listAppraisals({})
  assert.ok(appraisals.length > 0 && appraisals.every(({ accepted }) => accepted))
})

test('no worker is admitted while it is away, and they are when it is back', async () => {
  await program.stop()
  cluster.startWorker('worker-02')
  const second = async () => {
    const { workers } = await client.cluster.listWorkers({})
    return workers.find(({ name }) => name === 'workers/worker-02')?.state
  }
  await waitFor('worker-02 to be known', async () => (await second()) !== undefined)
  assert.notEqual(await second(), Worker_State.READY)
  await start()
  await waitFor('worker-02 to be ready', async () => (await second()) === Worker_State.READY)
})

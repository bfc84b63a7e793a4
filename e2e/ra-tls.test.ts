// Mainframe and workers know each other by their enclaves, whatever carries their
// connection; and whoever poses as one of them is refused, with the reason in the
// log and in the metrics of the one that refused.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from 'node:tls'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { encodeRaTlsClaims, raTlsReportData } from '@vorta/attestation/ra-tls/claims'
import { createRaTlsKey, issueCertificate, toPem } from '@vorta/attestation/ra-tls/issue'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import { createGramineKey, gramineCertificate } from '@vorta/attestation/testkit/gramine-ra-tls'
import { startPcs } from '@vorta/attestation/testkit/pcs'
import { type Bytes, systemRandom, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { openMainframeChannel } from '@vorta/worker/channel'
import { dial } from '@vorta/worker/dial'
import { waitFor, waitForWorkers } from '../scripts/api-client.ts'
import { root } from '../scripts/cluster.ts'
import { createJob, ended, stateOf, upload } from './kit/jobs.ts'
import { startMiddle } from './kit/middle.ts'
import { type Program, startProgram } from './kit/programs.ts'
import { bootSystem, type System, temporaryFolder } from './kit/system.ts'

const { path: folder, remove } = temporaryFolder()
after(remove)

/** A mainframe in a (SIMULATED) enclave of its own, with one more section or other endpoints. */
async function bootMainframe(name: string, section: string, endpoints = '[]'): Promise<System> {
  const config = join(folder, `${name}.yaml`)
  const text = readFileSync(join(root, 'config/mainframe.yaml'), 'utf8')
    .replace('provider: none', 'provider: simulated')
    .replace('simulatedEndpoints: []', `simulatedEndpoints: ${endpoints}`)
  writeFileSync(config, text + section)
  return bootSystem({ workers: 0, mainframeConfig: config })
}

const gramineApp = new Uint8Array(32).fill(0x6a)
const serverKey = createRaTlsKey()
const ownCertificate = {
  key: serverKey,
  commonName: 'secrets',
  now: Date.now(),
  lifetime: 3_600_000,
}
const server = issueCertificate(ownCertificate)

/** The mainframe's section for secrets, with one for the enclave above. */
function provisioningSection(): string {
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const section = {
    listen: '127.0.0.1:0',
    certFile: file('secrets.crt', server.cert),
    keyFile: file('secrets.key', server.key),
    policyFile: policyFor(toHex(gramineApp)),
    secrets: [{ measurement: toHex(gramineApp), file: file('secret', 'open sesame') }],
  }
  return `secretProvisioning: ${JSON.stringify(section)}\n`
}

const system = await bootMainframe('mainframe', provisioningSection())
const { client, cluster } = system
before(() => upload(client))

const measurementOf = (program: string) => toHex(measureProgram(join(root, program)).measurement)

/** A policy for mainframes that run exactly this. */
function policyFor(mrenclave: string): string {
  const file = join(folder, `policy-${mrenclave.slice(0, 8)}.yaml`)
  writeFileSync(file, JSON.stringify({ simulated: true, measurements: { mrenclave: [mrenclave] } }))
  return file
}
const ownPolicy = policyFor(measurementOf('mainframe/src/main.ts'))

/** `bin/vorta-worker` on its way to `endpoint`; with a policy it demands an attested mainframe. */
function startWorker(id: string, endpoint: string, policyFile?: string, of = system): Program {
  const config = join(folder, `${id}.yaml`)
  const joinTokenFile = join(of.folder, 'mainframe/join.token')
  const mainframe = { endpoint, joinTokenFile, ...(policyFile && { policyFile }) }
  writeFileSync(config, JSON.stringify({ mainframe, dataFolder: join(folder, 'workers') }))
  return startProgram('vorta-worker', ['--config', config, '--node-id', id])
}

const refused = (code: string, { metric } = system) => metric('vorta_ratls_refused_total', { code })

/** The mainframe refuses a worker: counted, logged with its reason, shown to its operator. */
async function mainframeRefuses(worker: string, code: string, of = system): Promise<void> {
  await waitFor(`${worker} to be refused`, async () => (await refused(code, of)) > 0)
  const log = readFileSync(join(of.folder, 'mainframe.log'), 'utf8')
  assert.match(log, new RegExp(`"worker":"${worker}","code":"${code}","reason":"[^"]+`))
  const { worker: shown } = await of.client.cluster.getWorker({ name: `workers/${worker}` })
  assert.equal(shown?.attestation?.errorCode, code)
}

/** A worker refuses the mainframe: it says so in its log, and joins nothing. */
async function workerRefuses(worker: Program, code: string): Promise<void> {
  await worker.printed(new RegExp(`"code":"${code}"[^\n]*the mainframe is not accepted: `))
  assert.doesNotMatch(worker.output(), /connected to the mainframe/)
}

test('runs a job for a worker that demands an attested mainframe', async () => {
  const worker = startWorker('careful', cluster.url, ownPolicy)
  await waitForWorkers(client, 1)
  assert.equal(stateOf(await ended(client, await createJob(client))), 'SUCCEEDED')
  assert.equal(await worker.stop(), 0)
})

test('keeps its secrets from a proxy that carries the connection', async () => {
  const proxy = await startMiddle({ url: cluster.url, attack: false })
  const worker = startWorker('proxied', proxy.url, ownPolicy)
  await waitForWorkers(client, 1)
  const seen = proxy.seen().toString('latin1')
  assert.ok(seen.length > 10_000)
  for (const secret of ['vorta_session_', 'PRI * HTTP/2.0', 'CN=', '-----BEGIN CERTIFICATE']) {
    assert.ok(!seen.includes(secret), `the proxy saw "${secret}"`)
  }
  assert.equal(await worker.stop(), 0)
})

test('refuses a man in the middle who has the right quote and another key', async () => {
  const middle = await startMiddle({ url: cluster.url, attack: true })
  const worker = startWorker('trusting', middle.url)
  await mainframeRefuses('trusting', 'RATLS_KEY_MISMATCH')
  await worker.stop()
})

test('refuses a valid quote of another measurement', async () => {
  const provider = simulatedQuoteProvider({
    platformId: systemRandom(16),
    measurement: new Uint8Array(32).fill(0xab),
    now: Date.now,
  })
  const signal = AbortSignal.timeout(10_000)
  const joinToken = readFileSync(join(system.folder, 'mainframe/join.token'), 'utf8').trim()
  const workerId = 'stranger'
  const dialled = await dial({ endpoint: cluster.url, ca: undefined, workerId, joinToken, signal })
  const joining = openMainframeChannel(dialled, {
    workerId,
    vouch: async (spki, nonce) => {
      const claims = encodeRaTlsClaims(nodeCrypto, { spki, nonce, holder: 'host' })
      return { claims, ...(await provider.quote(raTlsReportData(nodeCrypto, claims))) }
    },
    mainframe: undefined,
    now: Date.now,
    signal,
  })
  await assert.rejects(joining, { code: 'MEASUREMENT_NOT_ALLOWED' })
  await mainframeRefuses(workerId, 'MEASUREMENT_NOT_ALLOWED')
})

test('is refused by a worker, in the person of a man in the middle', async () => {
  const middle = await startMiddle({ url: cluster.url, attack: true })
  const worker = startWorker('attentive', middle.url, ownPolicy)
  await workerRefuses(worker, 'RATLS_KEY_MISMATCH')
  await worker.stop()
})

test('is refused by a worker whose policy names another measurement', async () => {
  const worker = startWorker('particular', cluster.url, policyFor('ab'.repeat(32)))
  await workerRefuses(worker, 'MEASUREMENT_NOT_ALLOWED')
  await worker.stop()
})

test('is refused by a worker that is given expired collateral for it', async () => {
  const stale = JSON.stringify(simulatedCollateral(Date.now() - 60 * 24 * 3_600_000))
  const middle = await startMiddle({ url: cluster.url, attack: false, collateral: stale })
  const worker = startWorker('punctual', middle.url, ownPolicy)
  await workerRefuses(worker, 'CRL_EXPIRED')
  await worker.stop()
})

test('refuses workers by collateral that has expired', async () => {
  const stale = simulatedCollateral(Date.now() - 60 * 24 * 3_600_000)
  const pcs = await startPcs({ collateral: () => stale })
  const late = await bootMainframe('late', '', `[{ url: '${pcs.url}' }]`)
  const worker = startWorker('late', late.cluster.url, undefined, late)
  await mainframeRefuses('late', 'CRL_EXPIRED', late)
  await worker.stop()
  await pcs.close()
})

test('gives an enclave of Gramine its secret, and no other anything', async () => {
  const log = readFileSync(join(system.folder, 'mainframe.log'), 'utf8')
  const port = Number(
    /"address":"127\.0\.0\.1:(\d+)","msg":"secret provisioning is up"/.exec(log)?.[1],
  )
  const platform = simulatedPlatform({ platformId: systemRandom(16), now: Date.now() })

  /** What a client after Gramine's protocol hears until the server hangs up. */
  async function ask(measurement: Uint8Array): Promise<string> {
    const key = createGramineKey()
    const quote = (reportData: Bytes) => platform.quote({ measurement, reportData })
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: server.cert,
      checkServerIdentity: () => undefined,
      cert: toPem(gramineCertificate({ key, quote })),
      key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    })
    let heard = ''
    socket.on('data', (data) => {
      heard += data.toString('latin1')
    })
    socket.on('error', () => {}).write('SECRET_PROVISION_RA_TLS_REQUEST_V1\0')
    await once(socket, 'close')
    return heard
  }

  const answer = 'SECRET_PROVISION_RA_TLS_RESPONSE_V1:\0\0\0\0\x0bopen sesame'
  assert.equal(await ask(gramineApp), answer)
  assert.equal(await ask(systemRandom(32)), '')
  const counted = (code: string) => system.metric('vorta_secret_releases_total', { code })
  assert.deepEqual([await counted('OK'), await counted('MEASUREMENT_NOT_ALLOWED')], [1, 1])
  const lines = readFileSync(join(system.folder, 'mainframe.log'), 'utf8')
  assert.match(lines, /"tier":"SIMULATED","bytes":11,"msg":"secret released"/)
  assert.ok(!lines.includes('open sesame'))
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { exampleFiles, exampleLog } from '@vorta/enclave/testkit/example'
import { attemptOf, execute, inlineOf } from './testkit/attempts.ts'
import { testAuthority, testCertificate } from './testkit/certificate.ts'
import { joinToken, startMainframe } from './testkit/mainframe.ts'

const root = join(import.meta.dirname, '../..')
const program = join(root, 'bin/vorta-worker')
const sample = join(root, 'config/worker.yaml')

function start(args: readonly string[], options: { file?: string; env?: object } = {}) {
  const env = { ...process.env, ...options.env }
  const child = spawn(options.file ?? program, args, { env, cwd: root })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return { child, exited, output: () => output }
}

test('says how it is used, and which version it is', async () => {
  const help = start(['--help'])
  const version = start(['--version'])
  assert.deepEqual([await help.exited, await version.exited], [0, 0])
  assert.match(help.output(), /--node-id/)
  assert.match(version.output(), /^vorta-worker \d+\.\d+\.\d+\n$/)
})

test('refuses a command line that it does not understand', async () => {
  const runs = [[], ['--config', sample], ['--config', sample, '--node-id', 'No'], ['--set', 'a=b']]
  for (const run of runs.map((args) => start(args))) {
    assert.equal(await run.exited, 2)
    assert.match(run.output(), /^vorta-worker: USAGE: .*\n {2}hint: vorta-worker --help\n$/)
  }
})

suite('the program, in a folder of its own', () => {
  let folder: string
  let env: Record<string, string>

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vorta-main-'))
    env = { VORTA_JOIN_TOKEN_FILE: join(folder, 'token') }
    await writeFile(join(folder, 'token'), `${joinToken}\n`)
    await symlink(program, join(folder, 'vorta-worker'))
    const data = join(folder, 'data')
    const text = `mainframe: { endpoint: "http://127.0.0.1:1" }\ndataFolder: ${data}\n`
    await writeFile(join(folder, 'worker.yaml'), text)
  })
  after(() => rm(folder, { recursive: true }))

  test('joins, says SIMULATED first, keeps its tokens to itself, and drains on SIGTERM', async () => {
    const mainframe = await startMainframe()
    const file = join(folder, 'vorta-worker')
    const args = ['--config', join(folder, 'worker.yaml'), '--node-id', 'worker-01']
    const run = start(args, { file, env: { ...env, VORTA_MAINFRAME_ENDPOINT: mainframe.endpoint } })
    const peer = await mainframe.join()
    assert.equal((await peer.client.describe({})).workerId, 'worker-01')
    await peer.client.attest({ nonce: new Uint8Array(32) })
    await peer.admit()
    run.child.kill('SIGTERM')
    assert.equal(await run.exited, 0)
    await peer.closed
    mainframe.close()
    const lines = run.output().trim().split('\n')
    assert.match(lines[0] ?? '', /SIMULATED/)
    assert.ok(lines.every((line) => typeof JSON.parse(line).msg === 'string'))
    assert.doesNotMatch(run.output(), /test-(?:join|session)-token/)
  })

  test('joins and downloads over TLS, and refuses an authority it was not given', async () => {
    const mainframe = await startMainframe({ tls: testCertificate })
    for (const { digest, data } of inlineOf(exampleFiles)) mainframe.artifacts.set(digest, data)
    const config = join(folder, 'tls.yaml')
    const trusting = `mainframe: { endpoint: "${mainframe.endpoint}", caFile: ${folder}/ca.pem }`
    await writeFile(join(folder, 'ca.pem'), testAuthority)
    await writeFile(config, `${trusting}\ndataFolder: ${folder}/data\n`)
    const args = ['--config', config, '--node-id', 'worker-03']
    const run = start(args, { env })
    const peer = await mainframe.join()
    await peer.client.attest({ nonce: new Uint8Array(32) })
    await peer.admit()
    const told = await execute(peer, { attempts: [attemptOf('j1')], log: exampleLog })
    assert.equal(told.get('j1')?.at(-1)?.case, 'result')
    run.child.kill('SIGTERM')
    assert.equal(await run.exited, 0)

    const suspicious = start(['--config', join(folder, 'worker.yaml'), '--node-id', 'worker-04'], {
      env: { ...env, VORTA_MAINFRAME_ENDPOINT: mainframe.endpoint },
    })
    await new Promise<void>((resolve) => {
      suspicious.child.stderr.on('data', () => /certificate/.test(suspicious.output()) && resolve())
    })
    suspicious.child.kill('SIGTERM')
    assert.equal(await suspicious.exited, 0)
    mainframe.close()
  })

  test('stops while it waits for a mainframe, too', async () => {
    const args = ['--config', join(folder, 'worker.yaml'), '--node-id', 'worker-02']
    const run = start(args, { env })
    await new Promise<void>((resolve) => {
      run.child.stderr.on('data', () => run.output().includes('UNAVAILABLE') && resolve())
    })
    run.child.kill('SIGINT')
    assert.equal(await run.exited, 0)
  })

  test('says what is wrong with a configuration', async () => {
    const config = join(folder, 'wrong.yaml')
    await writeFile(config, 'mainframe: { endpoint: "http://a" }\nslots: 0\n')
    const run = start(['--config', config, '--node-id', 'worker-01'])
    assert.equal(await run.exited, 2)
    assert.match(run.output(), /CONFIG_INVALID: .*wrong\.yaml: slots: expected/)
  })
})

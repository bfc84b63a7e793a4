// The command itself, as a process.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, suite, test } from 'node:test'
import { temporaryFolder } from './testkit/parts.ts'

const root = resolve(import.meta.dirname, '../..')
const program = join(import.meta.dirname, 'main.ts')

function start(...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { cwd: root, env: {} })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code, stdout, stderr }))
  return { child, ended }
}

suite('vorta-mainframe', { concurrency: 2 }, () => {
  const folder = temporaryFolder()
  after(() => rmSync(folder, { recursive: true }))
  const config = ['--config', join(root, 'config/mainframe.yaml')]

  test('explains itself', async () => {
    const { code, stdout } = await start('--help').ended
    assert.equal(code, 0)
    assert.match(stdout, /usage: vorta-mainframe --config FILE/)
  })

  for (const [what, args, expected] of [
    ['no configuration', [], /usage: vorta-mainframe/],
    ['an option that there is none of', ['--conifg', 'x'], /^error: Unknown option '--conifg'/],
    ['a configuration that is not there', ['--config', '/none.yaml'], /^error: \/none\.yaml: /],
    ['a listen address that is none', [...config, '--listen', '7070'], /^error: --listen: /],
    [
      'an address open to all',
      [...config, '--listen', '0.0.0.0:0'],
      /no TLS is configured\nhint: /,
    ],
  ] as const) {
    test(`ends with 2 for ${what}, and says so`, async () => {
      const { code, stderr } = await start(...args, '--data-folder', join(folder, 'none')).ended
      assert.equal(code, 2)
      assert.match(stderr, expected)
      assert.doesNotMatch(stderr, /\n\s+at /, 'no stack')
    })
  }

  test('ends with 2 for a token file that holds none', async () => {
    const bad = temporaryFolder()
    writeFileSync(join(bad, 'admin.token'), 'short')
    const { code, stderr } = await start(...config, '--data-folder', bad).ended
    rmSync(bad, { recursive: true })
    assert.equal(code, 2)
    assert.match(stderr, /docs: docs\/errors\.md#config_invalid/)
  })

  test('says where it listens, and ends well when it is told to', async () => {
    const { child, ended } = start(...config, '--listen', '127.0.0.1:0', '--data-folder', folder)
    const [line] = await once(child.stdout, 'data')
    const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)\n/.exec(String(line))?.[1]
    assert.equal((await fetch(`${url}/readyz`)).status, 200)
    child.kill('SIGTERM')
    const { code, stderr } = await ended
    assert.equal(code, 0)
    assert.match(stderr, /"mainframe has stopped"/)
    assert.doesNotMatch(stderr, /vorta_(?:admin|join)_/, 'no token in the log')
  })
})

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { folder, root } from '../test/io.ts'

const shim = join(root, 'bin/vorta-cli')
const PATH = `${dirname(process.execPath)}:${process.env.PATH}`
const env = { PATH, HOME: folder() }

test('runs from anywhere and through symbolic links', () => {
  const cwd = folder()
  const link = join(cwd, 'vorta-cli')
  symlinkSync(shim, link)
  const out = execFileSync(link, ['version'], { cwd, env, encoding: 'utf8' })
  assert.match(out, /^vorta-cli \d+\.\d+\.\d+ \(node v\d+\.\d+\.\d+\)\n$/)
})

test('passes the exit code on', () => {
  assert.equal(spawnSync(shim, ['frobnicate'], { env }).status, 2)
})

test('a reader that goes away early gets no stack, and no success either', async () => {
  const child = spawn(shim, ['help', 'job-spec'], { env })
  child.stdout.destroy()
  let talk = ''
  child.stderr.on('data', (data) => {
    talk += data
  })
  const [code] = await once(child, 'close')
  assert.equal(talk, '')
  assert.equal(code, 141)
})

// `make test`: every test of the workspace under Node's own runner, and one line
// that counts them at the end. `node scripts/test.ts zkp cli` runs some folders.

import { globSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = resolve(import.meta.dirname, '..')
const folders = process.argv.slice(2)
const files = globSync(
  '{core,api,attestation,attestation-service,zkp,receipt,enclave,worker,mainframe,cli,scripts,e2e,bench}/**/*.test.ts',
  {
    cwd: root,
    exclude: (name) => name === 'node_modules',
  },
)
  .filter((file) => folders.length === 0 || folders.some((folder) => file.startsWith(`${folder}/`)))
  // Tests of the whole system take the machine for themselves, after the others.
  .sort((a, b) => Number(a.startsWith('e2e/')) - Number(b.startsWith('e2e/')) || (a < b ? -1 : 1))

const count = { passed: 0, failed: 0, skipped: 0 }
const whole = files.filter((file) => file.startsWith('e2e/'))
const parts = files.filter((file) => !file.startsWith('e2e/'))

for (const [group, concurrency] of [
  [parts, 2],
  [whole, 1],
] as const) {
  if (group.length === 0) continue
  const stream = run({
    files: group.map((file) => join(root, file)),
    concurrency,
    timeout: 300_000,
  })
  stream.on('test:pass', ({ details, skip }) => {
    if (details.type === 'suite') return
    if (skip) count.skipped++
    else count.passed++
  })
  stream.on('test:fail', ({ details, todo }) => {
    if (details.type !== 'suite' && !todo) count.failed++
    process.exitCode = 1
  })
  const report = stream.compose(new spec())
  for await (const line of report) process.stdout.write(line)
}

const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
process.stdout.write(`${count.passed} passed, ${count.failed} failed${skipped}\n`)
if (count.passed === 0) process.exitCode = 1
process.exit()

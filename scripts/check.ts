// `make check`: everything that can be said about the sources without running
// them. Each step is a command a person could type; all run, then it tells.

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['types', 'tsc', '-p', '.'],
  ['API lint', 'buf', 'lint'],
  ['API format', 'buf', 'format', '--diff', '--exit-code', '--path', 'proto/vorta'],
  ['generated files', process.execPath, 'scripts/generated.ts'],
  ['imports', process.execPath, '--test', '--test-reporter=dot', 'scripts/imports.test.ts'],
]

let failed = 0
for (const [name, command, ...args] of steps) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) failed++
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}\n`)
}
process.exitCode = failed === 0 ? 0 : 1

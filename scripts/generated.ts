// Are the generated files in the repository those that their sources give?
// Generates into a folder of its own and compares; changes nothing.

import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { generatedDocs } from './generate-docs.ts'

const root = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'vorta-generated-'))

async function differences(): Promise<string[]> {
  const { status } = spawnSync('buf', ['generate', '--output', folder], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) return ['api/src/gen could not be generated']
  const fresh = globSync('**/*.ts', { cwd: join(folder, 'api/src/gen') })
  const kept = globSync('**/*.ts', { cwd: join(root, 'api/src/gen') })
  const stale = new Set(
    [...fresh, ...kept].filter((file) => read(folder, file) !== read(root, file)),
  )
  const docs = Object.entries(await generatedDocs()).filter(
    ([file, text]) => readOrNothing(join(root, file)) !== text,
  )
  return [
    ...[...stale].map((file) => `api/src/gen/${file} is not fresh: make api`),
    ...docs.map(([file]) => `${file} is not fresh: make docs`),
  ]
}

const read = (base: string, file: string): string => readOrNothing(join(base, 'api/src/gen', file))

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // absent is as stale as different
  }
}

const found = await differences()
rmSync(folder, { recursive: true, force: true })
for (const line of found) process.stdout.write(`${line}\n`)
process.exitCode = found.length === 0 ? 0 : 1

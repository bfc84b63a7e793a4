import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { toHex, utf8 } from '@vorta/core'
import { sha256 } from '../simulated/keys.ts'
import { measureProgram } from './files.ts'
import { findImports } from './imports.ts'

const repository = join(import.meta.dirname, '../../..')
const scratch = mkdtempSync(join(tmpdir(), 'vorta-measure-'))
after(() => rmSync(scratch, { recursive: true }))

/** A small workspace with one program in it. */
function workspace(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(scratch, name)
  const all = { 'package.json': '{"workspaces":["app"]}', ...files }
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

const program = {
  'app/main.ts': [
    "import {\n  type A,\n  b, // don't stop here\n} from './b.ts'",
    "import type { C } from './types-only.ts'",
    "import './effect.ts'",
    "import whole, * as all from 'other'",
    "export * from './c.ts'",
    "export { d } from './d.ts'",
    'export { b }',
    "const late = () => import('./late.ts')",
    "new Worker(new URL('./worker.ts', import.meta.url))",
    "import.meta.resolve('./resolved.ts')",
    "readFileSync(new URL('./data.bin', import.meta.url))",
    "import { join } from 'node:path'",
    "import fs from 'fs'",
  ].join('\n'),
  ...Object.fromEntries(
    ['b', 'effect', 'c', 'd', 'late', 'worker', 'resolved', 'types-only', 'unused'].map((name) => [
      `app/${name}.ts`,
      `export const ${name.replace('-', '_')} = 1\n`,
    ]),
  ),
  'app/data.bin': 'data',
  'node_modules/other/package.json': '{"dependencies":{"deep":"1"},"peerDependencies":{"no":"1"}}',
  'node_modules/other/lib/index.js': "require('./anything')",
  'node_modules/other/node_modules/deep/package.json': '{}',
  'node_modules/other/node_modules/deep/x.wasm': 'wasm',
  'node_modules/unrelated/package.json': '{}',
}

const root = workspace('one', program)
const measured = measureProgram(join(root, 'app/main.ts'))

test('takes our files as far as they are imported, and packages of others whole', () => {
  assert.deepEqual(
    measured.files.map(({ path }) => path),
    [
      'app/b.ts',
      'app/c.ts',
      'app/d.ts',
      'app/data.bin',
      'app/effect.ts',
      'app/late.ts',
      'app/main.ts',
      'app/resolved.ts',
      'app/worker.ts',
      'node_modules/other/lib/index.js',
      'node_modules/other/node_modules/deep/package.json',
      'node_modules/other/node_modules/deep/x.wasm',
      'node_modules/other/package.json',
    ],
  )
})

test('is the SHA-256 of the sorted list', () => {
  const lines = measured.files.map(({ path }) => {
    return `${toHex(sha256(readFileSync(join(root, path))))}  ${path}\n`
  })
  assert.equal(toHex(measured.measurement), toHex(sha256(utf8(lines.join('')))))
})

test('does not depend on the folder, on file times or on what is not imported', () => {
  const other = join(scratch, 'elsewhere/deeper')
  cpSync(root, other, { recursive: true })
  utimesSync(join(other, 'app/b.ts'), 1, 1)
  writeFileSync(join(other, 'app/unused.ts'), 'changed')
  assert.deepEqual(measureProgram(join(other, 'app/main.ts')), measured)
})

test('changes with every measured file', () => {
  for (const { path } of measured.files) {
    const before = readFileSync(join(root, path))
    writeFileSync(join(root, path), `${before} `)
    const changed = measureProgram(join(root, 'app/main.ts'))
    writeFileSync(join(root, path), before)
    assert.notEqual(toHex(changed.measurement), toHex(measured.measurement), path)
  }
})

test('refuses what it cannot follow', () => {
  const bad = {
    'a computed name': 'await import(name)',
    'a computed resolution': 'import.meta.resolve(name)',
    'an odd import': 'import source x from "./b.ts"',
    'a missing file': "import './gone.ts'",
    'a missing package': "import 'gone'",
    'a file outside of the repository': "import '../../one/app/b.ts'",
  }
  for (const [name, source] of Object.entries(bad)) {
    const entry = join(workspace('bad', { 'app/main.ts': source }), 'app/main.ts')
    assert.throws(() => measureProgram(entry), { code: 'MEASUREMENT_FAILED' }, name)
  }
  const lonely = join(scratch, 'lonely.ts')
  writeFileSync(lonely, '')
  assert.throws(() => measureProgram(lonely), { code: 'MEASUREMENT_FAILED' })
  assert.throws(() => measureProgram(join(scratch, 'none.ts')), { code: 'MEASUREMENT_FAILED' })
})

test('leaves types, local exports and comments alone', () => {
  const source = [
    "import type { A } from './a.ts'",
    "import type B from './b.ts'",
    "export type { C } from './c.ts'",
    'export type D = { e: 1 }',
    'export const f = 1, g = "from"',
    'export { f, g as h }',
    '// import(anything) at all',
    'const { url } = import.meta',
  ].join('\n')
  assert.deepEqual(findImports(source, 'x.ts'), { modules: [], files: [] })
})

// The hook runs in a fresh process and prints what Node itself loads.
const listing = `
  import { registerHooks } from 'node:module'
  registerHooks({ load: (url, context, next) => { console.log(url); return next(url, context) } })
  await import(process.argv[1])`

test('has every file that Node loads for this very package', () => {
  const entry = join(import.meta.dirname, '../evidence.ts')
  const arguments_ = ['--input-type=module', '-e', listing, pathToFileURL(entry).href]
  const loaded = execFileSync(process.execPath, arguments_, { encoding: 'utf8' })
    .split('\n')
    .filter((url) => url.startsWith('file:'))
    .map((url) => relative(repository, new URL(url).pathname))
  const paths = new Set(measureProgram(entry).files.map(({ path }) => path))
  assert.ok(loaded.length > 20, `${loaded.length} files`)
  assert.deepEqual(
    loaded.filter((path) => !paths.has(path)),
    [],
  )
})

test('finds no Node module on the way from the public entry', () => {
  const { files } = measureProgram(join(import.meta.dirname, '../index.ts'))
  const own = files.filter(({ path }) => !path.startsWith('node_modules/'))
  assert.ok(own.length > 25, `${own.length} files`)
  for (const { path } of own) {
    const { modules } = findImports(readFileSync(join(repository, path), 'utf8'), path)
    assert.deepEqual(
      modules.filter((name) => name.startsWith('node:')),
      [],
      path,
    )
  }
})

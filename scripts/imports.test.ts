// Holds the import rule of ARCHITECTURE.md: imports run downwards only.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

/** Which of our packages each may import. */
const below: Readonly<Record<string, readonly string[]>> = {
  core: [],
  api: ['core'],
  attestation: ['core'],
  'attestation-service': ['core', 'api', 'attestation'],
  zkp: ['core'],
  receipt: ['core', 'attestation'],
  enclave: ['core', 'attestation', 'zkp', 'receipt'],
  worker: ['core', 'api', 'attestation', 'receipt', 'enclave'],
  mainframe: ['core', 'api', 'attestation', 'attestation-service', 'receipt'],
  cli: ['core', 'api', 'attestation', 'zkp', 'receipt'],
}

// What must never be measured into an enclave or bundled for a browser.
const forbiddenIn: Readonly<Record<string, RegExp>> = {
  receipt: /^node:/,
}

const specifier =
  /(?:^|\n)\s*(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8')
  return [...source.matchAll(specifier)].map((match) => (match[1] ?? match[2]) as string)
}

const isTest = (file: string): boolean => file.endsWith('.test.ts') || file.includes('/testkit/')

for (const [name, allowed] of Object.entries(below)) {
  test(`${name} imports only what lies below it`, () => {
    const files = globSync('src/**/*.ts', { cwd: join(root, name) }).map((file) => join(name, file))
    assert.ok(files.length > 0, `${name} has sources`)
    for (const file of files.filter((file) => !isTest(file))) {
      for (const imported of importsOf(file)) {
        const ours = /^@vorta\/([^/]+)/.exec(imported)?.[1]
        if (ours)
          assert.ok(
            allowed.includes(ours),
            `${file} imports ${imported}, which does not lie below ${name}`,
          )
        if (imported.startsWith('.')) {
          const target = join(root, file, '..', imported)
          assert.ok(
            target.startsWith(join(root, name)),
            `${file} reaches into another package: ${imported}`,
          )
        }
        assert.ok(
          !forbiddenIn[name]?.test(imported),
          `${file} imports ${imported}, which ${name} must not need`,
        )
      }
    }
  })
}

test('every package declares what it imports', () => {
  for (const name of Object.keys(below)) {
    const manifest = JSON.parse(readFileSync(join(root, name, 'package.json'), 'utf8'))
    const declared = new Set(Object.keys(manifest.dependencies ?? {}))
    for (const file of globSync('src/**/*.ts', { cwd: join(root, name) }).filter(
      (file) => !isTest(file),
    )) {
      for (const imported of importsOf(join(name, file))) {
        if (imported.startsWith('.') || imported.startsWith('node:') || imported.startsWith('#'))
          continue
        const dependency = imported.startsWith('@')
          ? imported.split('/').slice(0, 2).join('/')
          : imported.split('/')[0]
        assert.ok(
          declared.has(dependency as string),
          `${name}/${file} imports ${imported}, which ${name}/package.json does not declare`,
        )
      }
    }
  }
})

test('the mainframe and the worker keep their run-time dependencies few', () => {
  for (const name of ['mainframe', 'worker', 'enclave']) {
    const manifest = JSON.parse(readFileSync(join(root, name, 'package.json'), 'utf8'))
    const foreign = Object.keys(manifest.dependencies).filter(
      (dependency) => !dependency.startsWith('@vorta/'),
    )
    assert.ok(foreign.length <= 8, `${name}: ${foreign.join(', ')}`)
  }
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { receiptCodes } from './errors.ts'

const folder = import.meta.dirname
const sources = readdirSync(folder).filter((name) => !/test\.ts$|^errors\.ts$/.test(name))
const source = sources.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
const tests = readdirSync(folder).filter((name) => /test\.ts$/.test(name))
const tested = tests.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
const readme = readFileSync(join(folder, '../README.md'), 'utf8')

test('every code is given somewhere, tested and explained', () => {
  for (const code of Object.keys(receiptCodes)) {
    assert.ok(source.includes(`'${code}'`), `${code} is never given`)
    assert.match(tested, new RegExp(`\\b${code}\\b`), `${code} is not tested`)
    assert.ok(readme.includes(`\`${code}\``), `${code} is not in the README`)
  }
})

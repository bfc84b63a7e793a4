import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTilePath } from './tile-path.ts'

test('reads the path of a tile', () => {
  assert.deepEqual(parseTilePath('tile/0/000'), { level: 0, index: 0, width: 256 })
  assert.deepEqual(parseTilePath('tile/2/x001/x234/067'), {
    level: 2,
    index: 1_234_067,
    width: 256,
  })
  assert.deepEqual(parseTilePath('tile/0/x001/000.p/255'), { level: 0, index: 1_000, width: 255 })
  assert.deepEqual(parseTilePath('tile/entries/067.p/1'), { level: 'entries', index: 67, width: 1 })
  assert.equal(parseTilePath('tile/63/000')?.level, 63)
  const largest = 'tile/0/x009/x007/x199/x254/x740/991'
  assert.equal(parseTilePath(largest)?.index, Number.MAX_SAFE_INTEGER)
})

test('refuses every other spelling', () => {
  for (const path of [
    '',
    'tile/0',
    'tile/0/',
    'tile/0/0',
    'tile/0/0000',
    'tile/0/x000',
    'tile/0/x000/067',
    'tile/0/001/067',
    'tile/0/x001/x067',
    'tile/00/067',
    'tile/-1/067',
    'tile/64/067',
    'tile/entry/067',
    'tile/0/067.p/0',
    'tile/0/067.p/01',
    'tile/0/067.p/256',
    'tile/0/067.p/999',
    'tile/0/067.p/',
    'tile/0/067.p',
    'tile/0/067/',
    '/tile/0/067',
    'tile/0/067\n',
    'tile/0/٠٦٧',
    'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/x001/x001/x001/x001/x001/x001/001',
  ]) {
    assert.equal(parseTilePath(path), undefined, JSON.stringify(path))
  }
})

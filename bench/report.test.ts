import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReport, flatten, formatTable, median, percentile } from './report.ts'

const start = {
  key: 'start_ms',
  what: 'start',
  value: 300,
  unit: 'ms',
  peer: { what: 'node', value: 40, key: 'node_start_ms', ratioKey: 'start_ratio' },
}

test('takes the middle sample, or the mean of the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([10, 1, 2, 3]), 2.5)
})

test('takes percentiles by nearest rank, whatever the order of the samples', () => {
  const samples = Array.from({ length: 100 }, (_, i) => 100 - i)
  assert.equal(percentile(samples, 0.5), 50)
  assert.equal(percentile(samples, 0.99), 99)
  assert.equal(percentile(samples, 1), 100)
  assert.equal(percentile([7], 0.99), 7)
  assert.equal(percentile([7, 3], 0), 3)
})

test('has no statistic of nothing', () => {
  assert.throws(() => median([]), /got none/)
  assert.throws(() => percentile([], 0.5), /got none/)
})

test('does not change the samples', () => {
  const samples = [3, 1, 2]
  median(samples)
  percentile(samples, 0.5)
  assert.deepEqual(samples, [3, 1, 2])
})

test('keeps keys and ratios flat, to four digits', () => {
  const report = createReport()
  report.add(start)
  report.add({ key: 'idle_mb', what: 'idle', value: 71.23456, unit: 'MB' })
  assert.deepEqual(flatten(report.measurements), {
    start_ms: 300,
    node_start_ms: 40,
    start_ratio: 7.5,
    idle_mb: 71.23,
  })
})

test('refuses a key that is taken and a value that is no number', () => {
  const report = createReport()
  report.add(start)
  assert.throws(() => report.add(start), /start_ms is measured twice/)
  assert.throws(() => report.add({ key: 'start_ratio', what: '', value: 1, unit: '' }), /twice/)
  const broken = { key: 'broken', what: '', unit: '', value: Number.NaN }
  assert.throws(() => report.add(broken), /broken is NaN/)
  const noPeer = { ...start, key: 'other', peer: { what: '', value: 0, ratioKey: 'ratio' } }
  assert.throws(() => report.add(noPeer), /ratio is Infinity/)
  assert.equal(report.measurements.length, 1)
})

test('prints numbers under numbers, with the peer and the ratio', () => {
  const table = formatTable([start, { key: 'a', what: 'memory', value: 71.23456, unit: 'MB' }])
  assert.deepEqual(table.split('\n'), [
    '        vorta      peer      ratio',
    'start     300  ms  node  40  7.50x',
    'memory   71.2  MB',
  ])
})

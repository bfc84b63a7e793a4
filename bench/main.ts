// `make bench` and `make bench-NAME`: runs every benchmark, or the one that is
// named, prints its table and keeps its numbers in out/bench/NAME.json.

import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { root } from '../scripts/cluster.ts'
import { attestation } from './attestation.ts'
import { endtoend } from './endtoend.ts'
import { footprint } from './footprint.ts'
import { type Benchmark, createReport, flatten, formatTable } from './report.ts'

const benchmarks: readonly Benchmark[] = [attestation, endtoend, footprint]

const signals = ['SIGINT', 'SIGTERM'] as const
const out = join(root, 'out/bench')
const say = (text = ''): void => void process.stdout.write(`${text}\n`)

function select(name: string | undefined): readonly Benchmark[] {
  if (name === undefined) return benchmarks
  const named = benchmarks.filter((benchmark) => benchmark.name === name)
  if (named.length > 0) return named
  const known = benchmarks.map((benchmark) => benchmark.name).join(', ')
  throw new Error(`no benchmark "${name}"; there are ${known}`)
}

async function runOne({ name, summary, run }: Benchmark): Promise<void> {
  say(`\n== ${name}: ${summary}`)
  const report = createReport()
  const begun = performance.now()
  const scope = new AsyncDisposableStack()
  let stopping: Promise<void> | undefined
  // Once: whoever comes second waits for what the first has begun.
  const stop = () => {
    stopping ??= scope.disposeAsync()
    return stopping
  }
  let interrupted = false
  const interrupt = () => {
    interrupted = true
    void stop().finally(() => process.exit(130))
  }
  for (const signal of signals) process.on(signal, interrupt)
  try {
    await run(report, scope)
  } catch (thrown) {
    // What it was working with is being taken away from it.
    if (!interrupted) throw thrown
  } finally {
    await stop()
    for (const signal of signals) process.off(signal, interrupt)
  }
  if (interrupted) return
  const file = join(out, `${name}.json`)
  mkdirSync(out, { recursive: true })
  writeFileSync(file, `${JSON.stringify(flatten(report.measurements), null, 2)}\n`)
  say(formatTable(report.measurements))
  say(`${((performance.now() - begun) / 1000).toFixed(1)} s; numbers in out/bench/${name}.json`)
}

async function main([name]: readonly string[]): Promise<void> {
  const selected = select(name)
  const load = loadavg()[0]?.toFixed(1)
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor'
  say(`${availableParallelism()} x ${processor}, load ${load}, node ${process.version}`)
  for (const benchmark of selected) await runOne(benchmark)
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`error: ${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
})

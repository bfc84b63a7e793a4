// What the benchmarks share: statistics over samples, and the report that is
// printed as a table and kept as flat keys. Measures nothing itself.

/** A number of ours, and beside it that of a peer measured in the same run. */
export type Measurement = {
  /** Its name in out/bench/NAME.json; bench/README.md says how it is measured. */
  readonly key: string
  /** One line for people. */
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly peer?: {
    readonly what: string
    readonly value: number
    /** Name of the peer's value, where it is kept; a peer shown twice is kept once. */
    readonly key?: string
    /** Name of value / peer's value, where it is kept. */
    readonly ratioKey?: string
  }
}

export type Report = {
  readonly measurements: readonly Measurement[]
  /** Throws where a key is taken or a value is no finite number: better no report than a wrong one. */
  readonly add: (measurement: Measurement) => void
}

export type Benchmark = {
  /** As in `make bench-NAME`. */
  readonly name: string
  readonly summary: string
  /** What it starts it puts on `scope`, which is disposed of however the run ends. */
  readonly run: (report: Report, scope: AsyncDisposableStack) => Promise<void>
}

export function createReport(): Report {
  const measurements: Measurement[] = []
  return {
    measurements,
    add: (measurement) => {
      const taken = flatten(measurements)
      for (const [key, value] of Object.entries(flatten([measurement]))) {
        if (key in taken) throw new Error(`benchmark: ${key} is measured twice`)
        if (!Number.isFinite(value)) throw new Error(`benchmark: ${key} is ${value}`)
      }
      measurements.push(measurement)
    },
  }
}

/** Keys to numbers, rounded to four digits: the rest is noise. */
export function flatten(measurements: readonly Measurement[]): Record<string, number> {
  const flat: Record<string, number> = {}
  for (const { key, value, peer } of measurements) {
    flat[key] = significant(value, 4)
    if (peer?.key) flat[peer.key] = significant(peer.value, 4)
    if (peer?.ratioKey) flat[peer.ratioKey] = significant(value / peer.value, 4)
  }
  return flat
}

/** An aligned table; numbers stand under numbers. */
export function formatTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measurement) => {
    const { what, value, unit, peer } = measurement
    return [
      what,
      format(value),
      unit,
      peer?.what ?? '',
      peer ? format(peer.value) : '',
      peer ? `${(value / peer.value).toFixed(2)}x` : '',
    ]
  })
  const table = [['', 'vorta', '', 'peer', '', 'ratio'], ...rows]
  const rightAligned = new Set([1, 4, 5])
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column]!
          return rightAligned.has(column) ? cell.padStart(width) : cell.padEnd(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const significant = (value: number, digits: number): number => Number(value.toPrecision(digits))

function format(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(significant(value, 3))
}

/** The smallest sample that at least `share` (0 to 1) of all samples do not exceed (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new Error('percentile: expected samples, got none')
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

/** The middle sample, or the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new Error('median: expected samples, got none')
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

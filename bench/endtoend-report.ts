// What the end-to-end benchmark measured, as rows with keys. bench/README.md
// says what each means.

import { median, percentile, type Report } from './report.ts'

/** One sample a round. "All" is of as many processes as there are workers, together. */
export type RoundSamples = Record<
  'receipts' | 'snarkjs' | 'snarkjsAll' | 'zkp' | 'zkpAll' | 'zkpCpuMs',
  number[]
>

export const processNames = ['mainframe', 'worker', 'enclave', 'client'] as const
export type ByProcess<T> = Readonly<Record<(typeof processNames)[number], T>>

export type Measured = {
  readonly workers: number
  /** Jobs under way at once in a loaded round. */
  readonly inFlight: number
  readonly rounds: RoundSamples
  readonly singleMs: readonly number[]
  readonly loadedMs: readonly number[]
  /** Processor time per receipt. */
  readonly cpuMs: ByProcess<number>
}

export function describe({ add }: Report, measured: Measured): void {
  const { workers, inFlight, rounds, cpuMs } = measured
  const receipts = median(rounds.receipts)
  const snarkjs = median(rounds.snarkjs)
  const snarkjsAll = median(rounds.snarkjsAll)
  const zkp = median(rounds.zkp)
  const zkpAll = median(rounds.zkpAll)
  const loop = { what: 'snarkjs verify, 1 process', value: snarkjs }
  const loops = { what: `snarkjs verify, ${workers} processes`, value: snarkjsAll }
  const once = { what: 'one snarkjs verify', value: 1000 / snarkjs }
  // Little's law: what is in flight, over what leaves a second, is how long each waits.
  const queued = {
    what: `snarkjs, ${workers} processes, ${inFlight} queued`,
    value: (inFlight * 1000) / snarkjsAll,
  }
  add({
    key: 'proof_receipts_per_second',
    what: 'proofs to receipts',
    value: receipts,
    unit: '/s',
    peer: { ...loop, key: 'snarkjs_verifies_per_second', ratioKey: 'ratio_to_snarkjs' },
  })
  add({
    key: 'zkp_verifies_per_second',
    what: '@vorta/zkp alone, 1 process',
    value: zkp,
    unit: '/s',
    peer: loop,
  })
  add({
    key: 'zkp_parallel_verifies_per_second',
    what: `@vorta/zkp alone, ${workers} processes`,
    value: zkpAll,
    unit: '/s',
    peer: {
      ...loops,
      key: 'snarkjs_parallel_verifies_per_second',
    },
  })
  add({
    key: 'ratio_to_snarkjs_parallel',
    what: `receipts to one verify of snarkjs, ${workers} processes`,
    value: receipts / snarkjsAll,
    unit: 'x',
  })
  const percentiles = { p50: 0.5, p99: 0.99 }
  for (const [name, share] of Object.entries(percentiles)) {
    add({
      key: `submit_to_receipt_${name}_ms`,
      what: `submit to receipt, idle, ${name}`,
      value: percentile(measured.singleMs, share),
      unit: 'ms',
      peer: once,
    })
  }
  for (const [name, share] of Object.entries(percentiles)) {
    add({
      key: `loaded_${name}_ms`,
      what: `submit to receipt, loaded, ${name}`,
      value: percentile(measured.loadedMs, share),
      unit: 'ms',
      peer: queued,
    })
  }
  for (const name of processNames) {
    add({
      key: `${name}_cpu_ms`,
      what: `processor time per receipt, ${name}`,
      value: cpuMs[name],
      unit: 'ms',
    })
  }
  const zkpCpu = median(rounds.zkpCpuMs)
  add({
    key: 'zkp_cpu_ms',
    what: 'processor time per verify, @vorta/zkp alone',
    value: zkpCpu,
    unit: 'ms',
  })
  add({
    key: 'overhead_share',
    what: 'share of processor time outside @vorta/zkp',
    value: 1 - zkpCpu / (cpuMs.mainframe + cpuMs.worker + cpuMs.enclave),
    unit: '',
  })
}

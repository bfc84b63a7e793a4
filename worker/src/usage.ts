// The load of this host and of this worker, as the scheduler wants to know it.

import { cpus, totalmem } from 'node:os'

export type HostUsage = {
  readonly memoryBytes: number
  readonly memoryFreeBytes: number
  /** Share of all processors in use since the last reading by this meter, 0 to 1. */
  readonly cpu: number
}

/** A meter of one reader: each reading is about the time since the one before. */
export function createHostMeter(): () => HostUsage {
  let last = processorTimes()
  let cpu = 0
  return () => {
    const times = processorTimes()
    const all = times.all - last.all
    // The kernel counts in ticks of 10 ms: too short an interval has no meaning.
    if (all >= 50) {
      cpu = 1 - (times.idle - last.idle) / all
      last = times
    }
    // In a container the limit of its control group is what there is.
    const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
    return {
      memoryBytes: Math.min(totalmem(), limit),
      memoryFreeBytes: process.availableMemory(),
      cpu: Math.min(1, Math.max(0, cpu)),
    }
  }
}

function processorTimes(): { readonly idle: number; readonly all: number } {
  let idle = 0
  let all = 0
  for (const { times } of cpus()) {
    idle += times.idle
    all += times.idle + times.user + times.nice + times.sys + times.irq
  }
  return { idle, all }
}

// The execution trace of one attempt: what the enclave did and when, told from
// inside. Its digest goes into the signed statement.

import { type Bytes, type Canonical, canonicalBytes } from '@vorta/core'

export const traceType = 'vorta.org/trace/v1'

/** Microseconds from a monotonic clock of no particular origin, whole. */
export type Micros = () => number

export type Trace = {
  /** Notes a step with its facts. */
  readonly step: (name: string, facts?: Readonly<Record<string, string | number>>) => void
  /** Canonical JSON: `steps[].at` counts whole microseconds from the moment the order was read. */
  readonly encode: (engine: string) => Bytes
}

export function openTrace(micros: Micros, job: string, attempt: number): Trace {
  const begun = micros()
  const steps: Canonical[] = [{ step: 'received', at: 0 }]
  return {
    step: (name, facts) => {
      steps.push({ ...facts, step: name, at: micros() - begun })
    },
    encode: (engine) => canonicalBytes({ type: traceType, job, attempt, steps, engine }),
  }
}

// What a scheduling plugin is (terms of the Kubernetes scheduler framework).
// Filters say no with a reason; scores say how good, from 0 to 1. All are pure
// functions of the job and of the worker as it is seen at this moment.

/** What of a job matters to placement. */
export type Requirements = {
  /** Accepted kinds of enclave; empty for any. */
  readonly tees: readonly string[]
  /** Accepted workers; empty for any. */
  readonly workers: readonly string[]
  readonly system: string
  readonly curve: string
  /** Bytes, execution trace included. */
  readonly memory: number
  readonly epc: number
  /** Digests of the artifacts it reads. */
  readonly artifacts: readonly string[]
}

export type ProofReadiness = {
  readonly system: string
  readonly curves: readonly string[]
  readonly proofsPerSecond: number
}

/** A worker as the scheduler sees it: last heartbeat, less what was promised since. */
export type WorkerView = {
  readonly id: string
  readonly ready: boolean
  readonly draining: boolean
  readonly tee: string
  readonly quotes: boolean
  /** Verdict on its enclave; `code` says why it is not accepted. */
  readonly attested: boolean
  readonly attestationCode: string
  readonly proofs: readonly ProofReadiness[]
  readonly memory: number
  readonly memoryFree: number
  readonly epc: number
  readonly epcFree: number
  /** Processor use, 0 to 1. */
  readonly cpu: number
  readonly slots: number
  readonly running: number
  readonly succeeded: number
  readonly failed: number
  readonly latencyMs: number
  readonly hasArtifact: (digest: string) => boolean
}

export type Refusal = { readonly reason: string; readonly message: string }

export type FilterPlugin = {
  readonly name: string
  /** Undefined lets the worker pass. */
  readonly filter: (job: Requirements, worker: WorkerView) => Refusal | undefined
}

export type ScorePlugin = {
  readonly name: string
  /** Share in the sum before configuration; all are scaled to sum to 1. */
  readonly weight: number
  /** 0 (worst) to 1 (best); `feasible` are all workers that passed the filters. */
  readonly score: (job: Requirements, worker: WorkerView, feasible: readonly WorkerView[]) => number
}

// The proof verifier: every system behind one door. It answers nobody before
// each system has reproduced its known answers.

import { type Clock, systemClock } from '@vorta/core'
import { refuse } from './codes.ts'
import type { CurveName } from './curves.ts'
import { createGroth16 } from './groth16/system.ts'
import { selfTest } from './self-test.ts'
import type { Outcome, ProofRequest, ProofSystem, ProofVerdict, SystemName } from './types.ts'

/** How many single proofs a second one thread checks, keys prepared. */
export type Throughput = {
  readonly system: SystemName
  readonly curve: CurveName
  readonly proofsPerSecond: number
}

export type Verifier = {
  readonly systems: readonly ProofSystem[]
  /** Throws VerificationError with one of `proofCodes`: there is nothing to judge. */
  readonly verify: (request: ProofRequest) => Promise<ProofVerdict>
  /** One verdict or error per request, in order. Lets the event loop run between proofs. */
  readonly verifyBatch: (requests: readonly ProofRequest[]) => Promise<Outcome[]>
  /** Takes about 100 ms of CPU, so it is for the start, not for later. */
  readonly measureThroughput: (clock?: Clock) => Promise<readonly Throughput[]>
}

/**
 * Starts a verifier with every proof system there is. Throws SELF_TEST_FAILED
 * or ENGINE_FAILED where it must not run.
 *
 * @example
 * const verifier = await createVerifier()
 * const { verdict } = await verifier.verify({ system: 'groth16', curve: 'bn254', … })
 */
export async function createVerifier(): Promise<Verifier> {
  return startVerifier([await createGroth16()])
}

/** A verifier of just these systems, after the self-test. */
export async function startVerifier(systems: readonly ProofSystem[]): Promise<Verifier> {
  for (const system of systems) await selfTest(system)
  const byName = new Map(systems.map((system) => [system.name, system]))

  return {
    systems,
    verify: async (request) => {
      const system = byName.get(request.system)
      if (!system) throw unsupported(request.system)
      return system.verify(request)
    },
    verifyBatch: async (requests) => {
      const outcomes = new Array<Outcome>(requests.length)
      const groups = Map.groupBy(requests.keys(), (index) => requests[index]!.system)
      for (const [name, indexes] of groups) {
        const group = await byName.get(name)?.verifyBatch(indexes.map((index) => requests[index]!))
        indexes.forEach((index, at) => {
          outcomes[index] = group ? group[at]! : unsupported(name)
        })
      }
      return outcomes
    },
    measureThroughput: (clock = systemClock) => measureThroughput(systems, clock),
  }
}

const unsupported = (name: string) => refuse('SYSTEM_UNSUPPORTED', `no proof system "${name}"`)

const measuringTime = 100 // milliseconds in all: some 20 proofs, good to about 10 %

async function measureThroughput(
  systems: readonly ProofSystem[],
  clock: Clock,
): Promise<readonly Throughput[]> {
  const samples = systems.flatMap(({ knownAnswers, verify }) =>
    knownAnswers
      .filter(({ expected }) => expected === 'valid')
      .map(({ request }) => ({ request, verify })),
  )
  const measured: Throughput[] = []
  for (const { request, verify } of samples) {
    const start = clock.now()
    let elapsed = 0
    let proofs = 0
    while (elapsed < measuringTime / samples.length) {
      await verify(request)
      proofs++
      elapsed = clock.now() - start
    }
    const proofsPerSecond = (1000 * proofs) / elapsed
    measured.push({ system: request.system, curve: request.curve, proofsPerSecond })
  }
  return measured
}

// A worker in the hands of the test: it joins through the same door as any
// other and serves WorkerService itself, so that it can lie in every answer.

import { readFileSync } from 'node:fs'
import { createServer, performServerHandshake } from 'node:http2'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import {
  type AdmitRequest,
  type AttemptUpdateSchema,
  type ExecuteRequest,
  Worker_State,
  WorkerService,
} from '@vorta/api'
import { systemClock } from '@vorta/core'
import { exampleFiles } from '@vorta/enclave/testkit/example'
import { openMainframeChannel } from '@vorta/worker/channel'
import { dial } from '@vorta/worker/dial'
import { waitFor } from '../../scripts/api-client.ts'
import { createHostileEnclave, type HostileEnclave, type Quoted } from './hostile-enclave.ts'
import { digestOf } from './jobs.ts'
import type { System } from './system.ts'

export type Update = MessageInitShape<typeof AttemptUpdateSchema>

export type HostileOptions = {
  readonly id: string
  /** Answer to the challenge, instead of an honest one. */
  readonly attest?: (nonce: Uint8Array, enclave: HostileEnclave) => Promise<Quoted>
  /** What it does with the attempts it is sent. */
  readonly execute?: (
    request: ExecuteRequest,
    enclave: HostileEnclave,
  ) => AsyncGenerator<readonly Update[]>
}

export type HostileWorker = {
  /** The mainframe's word on its evidence. */
  readonly admission: Promise<AdmitRequest>
  /** Jobs it was told to give up. */
  readonly aborted: readonly string[]
  /** Takes no more work, or takes work again. */
  drain(on: boolean): void
  leave(): void
}

const statusEveryMs = 50

export async function joinHostile(system: System, options: HostileOptions): Promise<HostileWorker> {
  const { cluster } = system
  const enclave = createHostileEnclave()
  const joinToken = readFileSync(join(cluster.folder, 'mainframe/join.token'), 'utf8').trim()
  const left = new AbortController()
  const { id: workerId } = options
  const { signal } = left
  const dialled = await dial({ endpoint: cluster.url, ca: undefined, workerId, joinToken, signal })
  const socket = await openMainframeChannel(dialled, {
    workerId,
    vouch: enclave.vouch,
    mainframe: undefined,
    now: systemClock.now,
    signal,
  })
  const admission = Promise.withResolvers<AdmitRequest>()
  const aborted: string[] = []
  let draining = false

  const routes = connectNodeAdapter({
    routes: (router) =>
      router.service(WorkerService, {
        describe: () => ({
          workerId: options.id,
          version: '0.0.0',
          enclaveGeneration: 1n,
          tee: {
            kind: 'simulated',
            quotes: true,
            epcBytes: 2n ** 40n,
            measurement: enclave.measurement,
            // Faster than any honest worker, so that it is chosen before them.
            proofs: [{ system: 'groth16', curves: ['bn254'], engine: '', proofsPerSecond: 1e6 }],
          },
        }),
        attest: async ({ nonce }) => {
          const quoted = await (options.attest?.(nonce, enclave) ?? enclave.quote(nonce))
          return { ...quoted, tee: 'simulated', enclaveGeneration: 1n }
        },
        admit: (request) => {
          admission.resolve(request)
          return {}
        },
        async *watchStatus() {
          for (; !left.signal.aborted; await pause(statusEveryMs)) {
            yield {
              usage: {
                memoryBytes: 2n ** 40n,
                memoryFreeBytes: 2n ** 40n,
                epcFreeBytes: 2n ** 40n,
                slots: 1000,
              },
              draining,
              // Says that it has the inputs of the job already: another reason to be chosen.
              cached: Object.values(exampleFiles).map(digestOf),
              enclaveReady: true,
              enclaveGeneration: 1n,
            }
          }
        },
        async *execute(request) {
          if (!options.execute) return
          for await (const updates of options.execute(request, enclave)) {
            yield { updates: [...updates] }
          }
        },
        abort: ({ jobUids }) => {
          aborted.push(...jobUids)
          return {}
        },
      }),
  })
  const server = createServer(routes)
  const session = performServerHandshake(socket)
  session.on('stream', (...stream) => server.emit('stream', ...stream))
  session.on('error', () => {}) // the mainframe may hang up on it

  return {
    admission: admission.promise,
    aborted,
    drain: (on) => {
      draining = on
    },
    leave: () => {
      left.abort()
      socket.destroy()
    },
  }
}

/** Joins, is admitted, and is seen to be ready. */
export async function joinAdmitted(
  system: System,
  options: HostileOptions,
): Promise<HostileWorker> {
  const worker = await joinHostile(system, options)
  const { accepted, code } = await worker.admission
  if (!accepted) throw new Error(`not admitted: ${code}`)
  await waitFor(`${options.id} to be ready`, async () => {
    const answer = await system.client.cluster.getWorker({ name: `workers/${options.id}` })
    return answer.worker?.state === Worker_State.READY
  })
  return worker
}

// WorkerService, as the mainframe calls it on one connection.

import type { ServiceImpl } from '@connectrpc/connect'
import { toConnectError, type WorkerService } from '@vorta/api'
import { fail, utf8 } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { Enclave } from './enclave-process.ts'
import type { Executor } from './executor.ts'
import { admit, dismiss, type Session } from './session.ts'
import { type StatusSource, watchStatus } from './status.ts'
import { version } from './version.ts'

export type ServiceOptions = StatusSource & {
  readonly workerId: string
  readonly epcBytes: number
  readonly executor: Executor
  /** Where artifacts come from. */
  readonly mainframe: { readonly endpoint: string; readonly ca: string | undefined }
  readonly log: Logger
}

export function createService(
  options: ServiceOptions,
  session: Session,
  /** Aborts when no more reports are wanted: the worker is about to leave. */
  leaving: AbortSignal,
): ServiceImpl<typeof WorkerService> {
  const { enclave: supervisor, executor, log } = options

  function enclave(): Enclave {
    if (supervisor.current) return supervisor.current
    throw fail('UNAVAILABLE', 'no enclave is up', { hints: ['wait for enclaveReady'] })
  }

  return {
    describe: coded(() => {
      const { generation, description } = enclave()
      return {
        workerId: options.workerId,
        version,
        enclaveGeneration: BigInt(generation),
        tee: {
          kind: description.tee,
          quotes: true,
          epcBytes: BigInt(options.epcBytes),
          measurement: description.measurement,
          proofs: description.proofs.map((proof) => ({ ...proof, curves: [...proof.curves] })),
        },
      }
    }),

    attest: coded(async ({ nonce }) => {
      if (nonce.length !== 32) {
        throw fail('INVALID_ARGUMENT', `nonce: expected 32 bytes, got ${nonce.length}`, {
          meta: { field: 'nonce' },
        })
      }
      const { generation, description, attest } = enclave()
      const { claims, quote, eventLog = '' } = await attest(nonce)
      session.attested = generation
      return {
        claims: utf8(claims),
        quote,
        eventLog,
        tee: description.tee,
        enclaveGeneration: BigInt(generation),
      }
    }),

    admit: coded(({ accepted, code, message, sessionToken }) => {
      if (accepted) {
        admit(session, options.mainframe, sessionToken)
        log.info({ generation: session.admitted }, 'admitted to the cluster')
      } else {
        dismiss(session)
        session.refused = true
        const hints = ["compare the worker's evidence with the mainframe's attestation policy"]
        log.error({ code, hints }, `not admitted to the cluster: ${message}`)
      }
      return {}
    }),

    watchStatus: ({ intervalMs }, { signal }) =>
      watchStatus(options, intervalMs, AbortSignal.any([signal, leaving])),

    async *execute(request, { signal }) {
      try {
        for await (const updates of executor.execute(request, session, signal)) yield { updates }
      } catch (thrown) {
        throw toConnectError(thrown)
      }
    },

    abort: coded(({ jobUids }) => {
      executor.abort(jobUids)
      return {}
    }),
  }
}

/** A call whose errors cross the wire with their codes. */
const coded =
  <I, O>(call: (input: I) => O | Promise<O>): ((input: I) => Promise<O>) =>
  async (input) => {
    try {
      return await call(input)
    } catch (thrown) {
      throw toConnectError(thrown)
    }
  }

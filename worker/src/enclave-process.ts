// Keeps an enclave running. When it dies another is started, after a pause;
// each is a new generation with a new key, to be attested anew. An enclave
// never outlives its worker: it ends when its stdin does, and is killed if not.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { toBase64, toHex, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import {
  type Attestation,
  attestation,
  type Description,
  description,
  type Outcome,
  type RunMessage,
  readPart,
  type Voucher,
  voucher,
} from '@vorta/enclave'
import { createBackoff, type RetryRange } from './backoff.ts'
import { openChannel } from './enclave-channel.ts'
import type { EnclaveProgram } from './enclave-program.ts'
import { createSleeper } from './sleeper.ts'

/** Known answers, measurement and key take half a second, more on a busy machine. */
const startTimeoutMs = 60_000
/** A quote is made between two proofs. */
const attestTimeoutMs = 10_000
/** An enclave that lived this long was a good one: the next pause is short again. */
const provenMs = 10_000
const exitTimeoutMs = 2_000

/** One running enclave. After its end every call rejects with ENCLAVE_LOST. */
export type Enclave = {
  readonly generation: number
  readonly pid: number
  readonly description: Description
  /** `nonce` is 32 bytes. */
  readonly attest: (nonce: Uint8Array) => Promise<Attestation>
  /** Its word for a TLS key (DER SubjectPublicKeyInfo) of this process; `nonce` is 32 bytes. */
  readonly vouch: (spki: Uint8Array, nonce: Uint8Array) => Promise<Voucher>
  readonly run: (
    message: RunMessage,
    onOutcomes: (part: readonly Outcome[]) => void,
  ) => Promise<void>
  readonly abort: (jobs: readonly string[]) => void
}

export type EnclaveSupervisor = {
  /** Undefined while none is up. */
  readonly current: Enclave | undefined
  /** Enclaves started so far. */
  readonly generation: number
  /** Resolves when one is up, or none will be any more. */
  readonly ready: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type EnclaveOptions = {
  readonly program: EnclaveProgram
  readonly retry: RetryRange
  readonly random: () => number
  readonly now: () => number
  /** An enclave came up or went. */
  readonly onChange: () => void
  readonly log: Logger
}

export function superviseEnclave(options: EnclaveOptions): EnclaveSupervisor {
  const { log, program } = options
  const backoff = createBackoff(options.retry, options.random)
  const sleeper = createSleeper()
  let generation = 0
  let current: Enclave | undefined
  let child: ChildProcess | undefined
  let stopping = false
  let waiting: (() => void)[] = []

  function release(): void {
    for (const resolve of waiting) resolve()
    waiting = []
  }

  async function live(): Promise<void> {
    const begun = options.now()
    const started = spawnEnclave(program, log)
    child = started
    const exited = once(started, 'exit')
    const channel = openChannel(started.stdin, started.stdout, (fault) => {
      log.error({ code: fault.code }, `the enclave answers nonsense: ${fault.message}`)
      started.kill('SIGKILL')
    })
    exited.catch(() => {}).finally(channel.lost)
    try {
      const told = await channel.call('start', program.start, startTimeoutMs)
      generation += 1
      current = {
        generation,
        pid: started.pid ?? 0,
        description: readPart(description, 'enclave description', told),
        attest: async (nonce) => {
          const answer = await channel.call('attest', { nonce: toHex(nonce) }, attestTimeoutMs)
          return readPart(attestation, 'enclave attestation', answer)
        },
        vouch: async (spki, nonce) => {
          const asked = { spki: toBase64(spki), nonce: toHex(nonce) }
          const answer = await channel.call('vouch', asked, attestTimeoutMs)
          return readPart(voucher, 'enclave voucher', answer)
        },
        run: (message, onOutcomes) => channel.run(message, onOutcomes),
        abort: (jobs) =>
          void channel.call('abort', { jobs }, attestTimeoutMs).catch((thrown) => {
            log.warn({ code: VortaError.from(thrown).code }, 'abort did not reach the enclave')
          }),
      }
      const { measurement, tee } = current.description
      log.info({ generation, pid: started.pid, tee, measurement }, 'enclave started')
      options.onChange()
      release()
      const [exitCode, signal] = await exited
      if (!stopping) log.error({ generation, exitCode, signal }, 'enclave lost')
    } finally {
      started.kill('SIGKILL')
      current = undefined
      options.onChange()
    }
    if (options.now() - begun >= provenMs) backoff.reset()
  }

  async function run(): Promise<void> {
    while (!stopping) {
      await live().catch((thrown) => {
        if (stopping) return
        const { code, message, hints } = VortaError.from(thrown)
        log.error({ code, hints }, `enclave could not be started: ${message}`)
      })
      if (!stopping) await sleeper.sleep(backoff.next())
    }
  }
  const killAtExit = () => child?.kill('SIGKILL')
  process.once('exit', killAtExit)
  const running = run()

  return {
    get current() {
      return current
    },
    get generation() {
      return generation
    },
    ready: () =>
      current || stopping ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
    async stop() {
      stopping = true
      release()
      sleeper.wake()
      child?.stdin?.end()
      const cut = setTimeout(killAtExit, exitTimeoutMs)
      await running
      clearTimeout(cut)
      process.off('exit', killAtExit)
    },
  }
}

function spawnEnclave({ command, args, env }: EnclaveProgram, log: Logger) {
  const stderr = log.level === 'silent' ? 'ignore' : 'inherit'
  return spawn(command, args, { stdio: ['pipe', 'pipe', stderr], env })
}

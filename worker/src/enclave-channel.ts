// Asks an enclave over its pipe and matches the answers to the questions.

import type { Readable, Writable } from 'node:stream'
import { type Canonical, fail, type Json, VortaError } from '@vorta/core'
import { type Answer, encodeFrame, frameReader, type Outcome, readAnswer } from '@vorta/enclave'

export type EnclaveChannel = {
  /** Rejects with the enclave's own code, TIMED_OUT, or ENCLAVE_LOST. */
  readonly call: (method: string, params: Canonical, timeoutMs: number) => Promise<Json>
  /** Resolves when the enclave has given the last outcome. */
  readonly run: (params: Canonical, onOutcomes: (part: readonly Outcome[]) => void) => Promise<void>
  /** The enclave is gone: everything that waits is told so. */
  readonly lost: () => void
}

type Question = {
  readonly resolve: (result: Json) => void
  readonly reject: (reason: VortaError) => void
  readonly onOutcomes?: (part: readonly Outcome[]) => void
}

/** `onFault` hears of answers that are none; the enclave that gave them is of no use any more. */
export function openChannel(
  input: Writable,
  output: Readable,
  onFault: (fault: VortaError) => void,
): EnclaveChannel {
  const questions = new Map<number, Question>()
  let nextId = 1
  let open = true

  function ask(method: string, params: Canonical, question: Question): number {
    const id = nextId++
    if (!open) {
      question.reject(lost())
      return id
    }
    const frame = encodeFrame({ id, method, params })
    questions.set(id, question)
    input.write(frame)
    return id
  }

  function settle({ id, result, error, outcomes, done }: Answer): void {
    const question = questions.get(id)
    if (!question) return // timed out meanwhile
    if (outcomes) {
      question.onOutcomes?.(outcomes)
      return
    }
    questions.delete(id)
    if (error) question.reject(new VortaError(error.code, error.message, { hints: error.hints }))
    else question.resolve(done ? null : (result ?? null))
  }

  const read = frameReader((body) => settle(readAnswer(body)))
  output.on('data', (chunk) => {
    try {
      read(chunk)
    } catch (thrown) {
      onFault(VortaError.from(thrown))
    }
  })
  input.on('error', () => {}) // the enclave ended; its exit is what is acted on

  return {
    async call(method, params, timeoutMs) {
      const { promise, resolve, reject } = Promise.withResolvers<Json>()
      const id = ask(method, params, { resolve, reject })
      const timer = setTimeout(() => {
        questions.delete(id)
        reject(fail('TIMED_OUT', `enclave: no answer to ${method} within ${timeoutMs} ms`))
      }, timeoutMs)
      return promise.finally(() => clearTimeout(timer))
    },

    async run(params, onOutcomes) {
      const { promise, resolve, reject } = Promise.withResolvers<Json>()
      ask('run', params, { resolve, reject, onOutcomes })
      await promise
    },

    lost() {
      open = false
      for (const { reject } of questions.values()) reject(lost())
      questions.clear()
    },
  }
}

const lost = () => fail('ENCLAVE_LOST', 'the enclave ended before it answered')

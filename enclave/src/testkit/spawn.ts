// A real enclave process on real pipes, for tests.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Canonical, Json } from '@vorta/core'
import { encodeFrame, frameReader } from '../frames.ts'
import { type Answer, type Outcome, readAnswer } from '../protocol.ts'

export const entry = join(import.meta.dirname, '../main.ts')
export const platformId = '000102030405060708090a0b0c0d0e0f'

export type TestEnclave = ReturnType<typeof spawnEnclave>

export function spawnEnclave(program = entry) {
  const child = spawn(process.execPath, [program], { env: {} })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const answers: Answer[] = []
  let stderr = ''
  let waiting: { test: (answer: Answer) => boolean; resolve: (answer: Answer) => void }[] = []
  let nextId = 1

  child.stdin.on('error', () => {}) // some tests make it exit
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const read = frameReader((body) => {
    const answer = readAnswer(body)
    answers.push(answer)
    for (const { resolve } of waiting.filter(({ test }) => test(answer))) resolve(answer)
    waiting = waiting.filter(({ test }) => !test(answer))
  })
  child.stdout.on('data', read)

  const next = (test: (answer: Answer) => boolean): Promise<Answer> =>
    new Promise((resolve) => waiting.push({ test, resolve }))
  const closes = (id: number) => (answer: Answer) => answer.id === id && !answer.outcomes

  /** Sends a request; resolves with its closing answer. */
  const ask = (method: string, params: Canonical): Promise<Answer> => {
    const id = nextId++
    const closing = next(closes(id))
    child.stdin.write(encodeFrame({ id, method, params }))
    return closing
  }

  return {
    answers,
    exited,
    ask,
    /** Resolves with the first answer that passes the test. */
    next,
    stderr: () => stderr,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    write: (bytes: Uint8Array) => child.stdin.write(bytes),
    end: () => {
      child.stdin.end()
      return exited
    },
    start: async (): Promise<Json> =>
      (await ask('start', { tee: 'simulated', platformId })).result!,
    /** Runs a batch and gives its outcomes by job. */
    run: async (params: Canonical): Promise<Map<string, Outcome>> => {
      const { id, done } = await ask('run', params)
      if (!done) throw new Error('run was refused')
      const outcomes = answers.filter((answer) => answer.id === id).flatMap((a) => a.outcomes ?? [])
      return new Map(outcomes.map((outcome) => [outcome.job, outcome]))
    },
  }
}

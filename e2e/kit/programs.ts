// The commands of bin/ as long-running programs, with all they print.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after } from 'node:test'
import { end, killAtExit, type Running, root } from '../../scripts/cluster.ts'

export type Program = Running & {
  /** Everything it has printed so far, on stdout and stderr. */
  readonly output: () => string
  /** Resolves with what the pattern finds in the output; throws when the program ends before. */
  readonly printed: (pattern: RegExp) => Promise<string>
  /** Asks it to end, and gives its exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>
}

const started = new Set<Running>()
after(() => Promise.all([...started].map((running) => end(running))))

/** Starts `./bin/<name>` in the folder of the checkout, as a user does. */
export function startProgram(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Program {
  const child = spawn(join('./bin', name), [...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  killAtExit(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const running = { process: child, name, exited }
  started.add(running)
  void exited.then(() => started.delete(running))

  const find = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = pattern.exec(output)
      if (found) return found[1] ?? found[0]
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), exited])
      if (child.exitCode !== null && !pattern.test(output)) {
        throw new Error(`${name} ended with code ${child.exitCode}: ${output}`)
      }
    }
  }
  return {
    ...running,
    output: () => output,
    printed: find,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return exited
    },
  }
}

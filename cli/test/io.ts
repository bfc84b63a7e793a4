// An Io in memory: what a command wrote, on which stream, and a way to press
// Ctrl-C and to type.

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeClock, utf8 } from '@vorta/core'
import type { Io } from '../src/io.ts'
import { run } from '../src/run.ts'

export type Outcome = { readonly code: number; readonly out: string; readonly err: string }

export type World = {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string
  readonly tty?: boolean
  readonly now?: () => number
  /** Called with everything on stderr so far, each time something is added. */
  readonly onTalk?: (talk: string, press: () => void) => void
}

/** A fresh folder under the system's temporary one. */
export const folder = (): string => mkdtempSync(join(tmpdir(), 'vorta-cli-'))

/** A home without contexts, so that nothing of the machine's user leaks into a test. */
const home = folder()

export const root = join(import.meta.dirname, '../..')

const noInterrupts: Io['onInterrupt'] = () => () => {}

/** An Io whose output nobody reads. */
export function testIo({ env, cwd, stdin = '', tty = false, now }: World = {}): Io {
  return {
    stdout: { isTTY: tty, write: () => {} },
    stderr: { isTTY: tty, write: () => {} },
    stdin: {
      isTTY: tty,
      async *[Symbol.asyncIterator]() {
        yield utf8(stdin)
      },
    },
    env: { HOME: home, PATH: '', ...env },
    cwd: cwd ?? root,
    now: now ?? fakeClock().now,
    onInterrupt: noInterrupts,
  }
}

/** Runs one command line to its end. */
export async function cli(argv: readonly string[], world: World = {}): Promise<Outcome> {
  const out: string[] = []
  const err: string[] = []
  const listeners = new Set<() => void>()
  const press = () => {
    for (const listener of listeners) listener()
  }
  const base = testIo(world)
  const code = await run(argv, {
    ...base,
    stdout: { ...base.stdout, write: (data) => out.push(textOf(data)) },
    stderr: {
      ...base.stderr,
      write: (data) => {
        err.push(textOf(data))
        world.onTalk?.(err.join(''), press)
      },
    },
    onInterrupt: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  })
  return { code, out: out.join(''), err: err.join('') }
}

const textOf = (data: string | Uint8Array): string =>
  typeof data === 'string' ? data : new TextDecoder().decode(data)

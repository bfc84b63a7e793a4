// What the server programs share: how a fault is told, and how signals end them.

import { decode } from '../decode.ts'
import { fail, VortaError } from '../errors.ts'
import { listenAddress } from './listen.ts'

/** Exit codes as in `vorta-cli help exit-codes`. */
export const exit = { ok: 0, failed: 1, usage: 2 } as const

/** The value of `--listen`. Throws CONFIG_INVALID. */
export const readListen = (text: string): string =>
  decode(listenAddress, text, (fault) => fail('CONFIG_INVALID', `--listen: ${fault}`))

export function report(thrown: unknown): void {
  const error = VortaError.from(thrown)
  process.stderr.write(`error: ${error.message}\n`)
  for (const hint of error.hints) process.stderr.write(`hint: ${hint}\n`)
  process.stderr.write(`docs: docs/errors.md#${error.code.toLowerCase()}\n`)
}

/** Says where it listens; the first SIGTERM or SIGINT stops it, a second one ends it at once. */
export function serve(server: { readonly url: string; stop(): Promise<void> }): void {
  process.stdout.write(`listening on ${server.url}\n`)
  let signals = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals++
      if (signals > 1) process.exit(exit.failed)
      server.stop().then(
        () => process.exit(exit.ok),
        (thrown) => {
          report(thrown)
          process.exit(exit.failed)
        },
      )
    })
  }
}

/** Runs a program to its end or until it serves; what it throws becomes text and an exit code. */
export function runProgram(main: (argv: readonly string[]) => Promise<void>): void {
  main(process.argv.slice(2)).catch((thrown) => {
    report(thrown)
    const code = (thrown as { code?: string }).code ?? ''
    const misused = code === 'CONFIG_INVALID' || code.startsWith('ERR_PARSE_ARGS')
    process.exit(misused ? exit.usage : exit.failed)
  })
}

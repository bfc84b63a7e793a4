// The command of a server: its arguments, how a fault is told, and how signals end it.

import { parseArgs } from 'node:util'
import { loadConfig } from '../config.ts'
import { type Decoder, decode } from '../decode.ts'
import { fail, VortaError } from '../errors.ts'
import { listenAddress } from './listen.ts'

/** Exit codes as in `vorta-cli help exit-codes`. */
const exit = { ok: 0, failed: 1, usage: 2 } as const

/** Throws CONFIG_INVALID. */
const readListen = (text: string): string =>
  decode(listenAddress, text, (fault) => fail('CONFIG_INVALID', `--listen: ${fault}`))

function report(thrown: unknown): void {
  const error = VortaError.from(thrown)
  process.stderr.write(`error: ${error.message}\n`)
  for (const hint of error.hints) process.stderr.write(`hint: ${hint}\n`)
  process.stderr.write(`docs: docs/errors.md#${error.code.toLowerCase()}\n`)
}

export type Server = { readonly url: string; stop(): Promise<void> }

/** Ends the process for a fault after which it must not go on. */
export function die(error: VortaError): never {
  report(error)
  process.exit(exit.failed)
}

/** Says where it listens; the first SIGTERM or SIGINT stops it, a second one ends it at once. */
function serve(server: Server): void {
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

export type ServerProgram<C> = {
  /** As it is typed, such as vorta-mainframe. */
  readonly name: string
  readonly version: string
  readonly help: string
  readonly config: Decoder<C>
  readonly start: (config: C) => Promise<Server>
}

/** The whole of a server's command: arguments, configuration, and what it throws as text and exit code. */
export function runServer<C extends { readonly listen: string; readonly dataFolder: string }>(
  program: ServerProgram<C>,
): void {
  main(program).catch((thrown) => {
    report(thrown)
    const { code } = VortaError.from(thrown)
    process.exit(code === 'CONFIG_INVALID' || code === 'USAGE' ? exit.usage : exit.failed)
  })
}

async function main<C extends { readonly listen: string; readonly dataFolder: string }>({
  name,
  version,
  help,
  config,
  start,
}: ServerProgram<C>): Promise<void> {
  const values = readArguments(name)
  if (values.help || values.version) {
    process.stdout.write(values.help ? help : `${name} ${version}\n`)
    return
  }
  if (!values.config) {
    process.stderr.write(help)
    process.exitCode = exit.usage
    return
  }
  const overridden = {
    ...loadConfig(values.config, config),
    ...(values.listen === undefined ? {} : { listen: readListen(values.listen) }),
    ...(values['data-folder'] ? { dataFolder: values['data-folder'] } : {}),
  }
  serve(await start(overridden))
}

function readArguments(name: string) {
  try {
    return parseArgs({
      options: {
        config: { type: 'string' },
        listen: { type: 'string' },
        'data-folder': { type: 'string' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    }).values
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw fail('USAGE', text, { cause, hints: [`${name} --help`] })
  }
}

// The command `vorta-mainframe`.

import { parseArgs } from 'node:util'
import { fail, VortaError } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'
import { decode } from '@vorta/core/decode'
import { listenAddress, mainframeConfig } from './config.ts'
import { startMainframe } from './mainframe.ts'
import { version } from './version.ts'

const help = `vorta-mainframe: the control plane of a Vorta cluster

usage: vorta-mainframe --config FILE [--listen HOST:PORT] [--data-folder FOLDER]

options:
  --config FILE         configuration (config/mainframe.yaml documents every field)
  --listen HOST:PORT    overrides "listen"; port 0 picks a free one
  --data-folder FOLDER  overrides "dataFolder"
  --help, --version

The administrator's token is made at the first start: <dataFolder>/admin.token
`

// Exit codes as in \`vorta-cli help exit-codes\`.
const exit = { ok: 0, failed: 1, usage: 2 } as const

function report(thrown: unknown): void {
  const error = VortaError.from(thrown)
  process.stderr.write(`error: ${error.message}\n`)
  for (const hint of error.hints) process.stderr.write(`hint: ${hint}\n`)
  process.stderr.write(`docs: docs/errors.md#${error.code.toLowerCase()}\n`)
}

const readListen = (text: string): string =>
  decode(listenAddress, text, (fault) => fail('CONFIG_INVALID', `--listen: ${fault}`))

async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string' },
      listen: { type: 'string' },
      'data-folder': { type: 'string' },
      help: { type: 'boolean' },
      version: { type: 'boolean' },
    },
  })
  if (values.help || values.version) {
    process.stdout.write(values.help ? help : `vorta-mainframe ${version}\n`)
    return
  }
  if (!values.config) {
    process.stderr.write(help)
    process.exitCode = exit.usage
    return
  }
  const file = loadConfig(values.config, mainframeConfig)
  const config = {
    ...file,
    ...(values.listen === undefined ? {} : { listen: readListen(values.listen) }),
    ...(values['data-folder'] ? { dataFolder: values['data-folder'] } : {}),
  }
  const mainframe = await startMainframe(config, (error) => {
    report(error)
    process.exit(exit.failed)
  })
  process.stdout.write(`listening on ${mainframe.url}\n`)
  let signals = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals++
      if (signals > 1) process.exit(exit.failed)
      mainframe.stop().then(
        () => process.exit(exit.ok),
        (thrown) => {
          report(thrown)
          process.exit(exit.failed)
        },
      )
    })
  }
}

main(process.argv.slice(2)).catch((thrown) => {
  report(thrown)
  const code = (thrown as { code?: string }).code ?? ''
  process.exit(
    code === 'CONFIG_INVALID' || code.startsWith('ERR_PARSE_ARGS') ? exit.usage : exit.failed,
  )
})

// The command `vorta-mainframe`.

import { parseArgs } from 'node:util'
import { loadConfig } from '@vorta/core/config'
import { exit, readListen, report, runProgram, serve } from '@vorta/core/server/program'
import { mainframeConfig } from './config.ts'
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
  serve(mainframe)
}

runProgram(main)

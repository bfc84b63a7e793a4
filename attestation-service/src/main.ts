// The command `vorta-attestation`.

import { parseArgs } from 'node:util'
import { loadConfig } from '@vorta/core/config'
import { exit, readListen, runProgram, serve } from '@vorta/core/server/program'
import { serviceConfig } from './config.ts'
import { startAttestationService } from './server.ts'
import { version } from './version.ts'

const help = `vorta-attestation: appraises evidence and issues signed results

usage: vorta-attestation --config FILE [--listen HOST:PORT] [--data-folder FOLDER]

options:
  --config FILE         configuration (config/attestation.yaml documents every field)
  --listen HOST:PORT    overrides "listen"; port 0 picks a free one
  --data-folder FOLDER  overrides "dataFolder"
  --help, --version

Made at the first start: <dataFolder>/admin.token, for callers, and <dataFolder>/attestation.key,
which signs results. Its public part is at /.well-known/jwks.json.
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
    process.stdout.write(values.help ? help : `vorta-attestation ${version}\n`)
    return
  }
  if (!values.config) {
    process.stderr.write(help)
    process.exitCode = exit.usage
    return
  }
  const config = loadConfig(values.config, serviceConfig)
  serve(
    await startAttestationService({
      ...config,
      ...(values.listen === undefined ? {} : { listen: readListen(values.listen) }),
      ...(values['data-folder'] ? { dataFolder: values['data-folder'] } : {}),
    }),
  )
}

runProgram(main)

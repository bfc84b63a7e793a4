// The command `vorta-attestation`.

import { runServer } from '@vorta/core/server/program'
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

runServer({
  name: 'vorta-attestation',
  version,
  help,
  config: serviceConfig,
  start: startAttestationService,
})

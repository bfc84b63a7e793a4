// The command `vorta-mainframe`.

import { die, runServer } from '@vorta/core/server/program'
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

runServer({
  name: 'vorta-mainframe',
  version,
  help,
  config: mainframeConfig,
  start: (config) => startMainframe(config, die),
})

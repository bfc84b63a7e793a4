// The program vorta-worker: arguments, configuration, signals, exit code.

import { parseArgs } from 'node:util'
import { exitCodeOf } from '@vorta/api'
import { fail, idPattern, VortaError } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'
import { createLogger } from '@vorta/core/log'
import { readJoinToken, withEnvironment, workerConfigDecoder } from './config.ts'
import { version } from './version.ts'
import { startWorker } from './worker.ts'

const usage = `vorta-worker runs jobs in an enclave for a mainframe that it joins.

Usage: vorta-worker --config <file> --node-id <id>

  --config <file>   configuration, such as config/worker.yaml
  --node-id <id>    name of this worker in the cluster, such as worker-01
  --version         print the version
  --help            print this text

Environment:
  VORTA_MAINFRAME_ENDPOINT   instead of mainframe.endpoint
  VORTA_JOIN_TOKEN_FILE      instead of mainframe.joinTokenFile

SIGTERM and SIGINT drain: running work is finished first. A second one ends at once.
`

/** Wrappers such as timeout and npm pass a signal on that came to the whole group already. */
const repeatMs = 250

function readArguments(): { config: string; nodeId: string } | undefined {
  const { values } = parse()
  if (values.help) process.stdout.write(usage)
  else if (values.version) process.stdout.write(`vorta-worker ${version}\n`)
  if (values.help || values.version) return undefined
  const { config, 'node-id': nodeId } = values
  const hints = ['vorta-worker --help']
  if (!config) throw fail('USAGE', '--config: expected a file, got nothing', { hints })
  if (!nodeId) throw fail('USAGE', '--node-id: expected a name, got nothing', { hints })
  if (!idPattern.test(nodeId)) {
    const expected = 'lower-case letters, digits and dashes, beginning with a letter'
    throw fail('USAGE', `--node-id: expected ${expected}, got "${nodeId}"`, { hints })
  }
  return { config, nodeId }
}

function parse() {
  try {
    return parseArgs({
      options: {
        config: { type: 'string' },
        'node-id': { type: 'string' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    })
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw fail('USAGE', text, { cause, hints: ['vorta-worker --help'] })
  }
}

async function main(): Promise<void> {
  const given = readArguments()
  if (!given) return
  const config = withEnvironment(loadConfig(given.config, workerConfigDecoder), process.env)
  const log = createLogger('worker', config.log.level).child({ worker: given.nodeId })
  const joinToken = () => readJoinToken(config, process.env)
  const worker = await startWorker({ config, workerId: given.nodeId, joinToken, log })

  let asked: number | undefined
  const stop = (signal: string) => {
    const now = performance.now()
    if (asked !== undefined && now - asked > repeatMs) process.exit(1)
    if (asked !== undefined) return
    asked = now
    log.info({ signal }, 'asked to stop; once more ends at once')
    worker.stop().then(() => process.exit(0), end)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function end(thrown: unknown): never {
  const { code, message, hints } = VortaError.from(thrown)
  process.stderr.write(`vorta-worker: ${code}: ${message}\n`)
  for (const hint of hints) process.stderr.write(`  hint: ${hint}\n`)
  process.exit(exitCodeOf(code))
}

main().catch(end)

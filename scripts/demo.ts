// `make demo`: the main job from beginning to end, with the commands a user would
// type. Everything runs as real processes; the enclaves are SIMULATED.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { styleText } from 'node:util'
import { connect, waitForWorkers } from './api-client.ts'
import { root, startCluster, type TestCluster } from './cluster.ts'

const out = join(root, 'out')
const folder = join(out, 'demo')
const receipt = join(out, 'receipt.json')
const broken = join(out, 'receipt-broken.json')

const say = (text = ''): void => void process.stdout.write(`${text}\n`)
const title = (text: string): void =>
  say(`\n${styleText('bold', `== ${text}`, { stream: process.stdout })}`)

/** Runs the command line as a user would, and shows what was typed. */
function cli(args: readonly string[], env: NodeJS.ProcessEnv, expected: number): void {
  say(styleText('cyan', `$ vorta-cli ${args.join(' ')}`, { stream: process.stdout }))
  const { status } = spawnSync(join(root, 'bin/vorta-cli'), [...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== expected)
    throw new Error(`vorta-cli ${args[0]}: expected exit code ${expected}, got ${status}`)
}

/** One bit of the quote, well inside what the enclave's platform signed. */
function flipOneByte(): void {
  const text = readFileSync(receipt, 'utf8')
  const at = text.indexOf('"quote":"') + '"quote":"'.length + 300
  const other = text[at] === 'A' ? 'B' : 'A'
  writeFileSync(broken, text.slice(0, at) + other + text.slice(at + 1))
  say(`flipped one character of the quote at byte ${at}: ${text[at]} -> ${other}`)
}

async function demo(): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  for (const file of [receipt, broken]) rmSync(file, { force: true })
  mkdirSync(folder, { recursive: true })
  let cluster: TestCluster | undefined
  const interrupted = () => void cluster?.stop().finally(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    title('a cluster: one mainframe, three workers')
    if (!existsSync('/dev/sgx_enclave')) {
      say('no /dev/sgx_enclave on this machine: enclaves and quotes are SIMULATED, signed by a')
      say('throw-away root whose key is public. Receipts say so, and are refused unless allowed.')
    }
    cluster = await startCluster({ folder })
    const env = { VORTA_ENDPOINT: cluster.url, VORTA_TOKEN_FILE: cluster.tokenFile }
    await waitForWorkers(connect(cluster.url, cluster.tokenFile), 3)
    cli(['worker', 'list'], env, 0)

    title('submit a proof: "I know the factors of this number"')
    const job = ['--job-spec', 'jobs/example_job.json', '--proof', 'artifacts/proof.bin']
    cli(['submit', '--endpoint', cluster.url, ...job, '--job-id', 'example', '--wait'], env, 0)

    title('where it was placed, and why')
    cli(['job', 'explain', 'example'], env, 0)

    title('its receipt')
    cli(['job', 'receipt', 'example', '--out', relative(root, receipt)], env, 0)
    title('stop every server: from here on nothing is online')
    await cluster.stop()
    say('mainframe and workers have stopped')
  } finally {
    await cluster?.stop()
  }

  title('verify it offline')
  cli(['receipt', 'verify', relative(root, receipt), '--allow-simulated'], {}, 0)

  title('break it, and verify again')
  flipOneByte()
  cli(['receipt', 'verify', relative(root, broken), '--allow-simulated'], {}, 5)
  say(`\nrefused, as it must be. The receipt is ${relative(root, receipt)}; try \`make dev\` next.`)
}

demo().catch((error) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
})

// The command line and other programs, run as a user runs them.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../../scripts/cluster.ts'
import type { System } from './system.ts'

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

const runTimeoutMs = 30_000

export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const options = {
    cwd: root,
    env: { ...process.env, ...env },
    timeout: runTimeoutMs,
    maxBuffer: 64 * 2 ** 20,
  }
  return new Promise((resolve, reject) => {
    execFile(program, [...args], options, (error, stdout, stderr) => {
      // Not an exit code, but a signal or no such program.
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
    })
  })
}

export const vortaCli = join(root, 'bin/vorta-cli')

/** Runs vorta-cli; with a system, as its administrator. */
export const cli = (args: readonly string[], system?: System): Promise<Ran> =>
  run(vortaCli, args, system ? environmentOf(system) : {})

export const environmentOf = ({ cluster, folder }: System): NodeJS.ProcessEnv => ({
  VORTA_ENDPOINT: cluster.url,
  VORTA_TOKEN_FILE: cluster.tokenFile,
  XDG_STATE_HOME: join(folder, 'state'),
})

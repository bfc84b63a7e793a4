// The machine's own limit: how many P-256 signatures OpenSSL verifies a second.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Verifications per second in so many processes; undefined where there is no openssl. */
export async function opensslVerifies(processes: number): Promise<number | undefined> {
  const multi = processes > 1 ? ['-multi', String(processes)] : []
  try {
    const { stdout } = await run('openssl', ['speed', '-seconds', '1', ...multi, 'ecdsap256'])
    const rate = Number(stdout.trim().split(/\s+/).at(-1))
    return rate > 0 ? rate : undefined
  } catch {
    return undefined // not installed
  }
}

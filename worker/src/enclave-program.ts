// How the enclave is started on each kind of platform, and what it is told at
// its start. The environment stays outside: nothing of it is the enclave's business.

import { fileURLToPath } from 'node:url'
import type { StartMessage } from '@vorta/enclave'
import type { WorkerConfig } from './config.ts'

export type EnclaveProgram = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly start: StartMessage
}

/** `platformId` is 32 hex digits, for the simulated platform. */
export function enclaveProgram(
  { tee, manifest, endpoint }: WorkerConfig['enclave'],
  platformId: string,
): EnclaveProgram {
  switch (tee) {
    case 'simulated':
      return node('@vorta/enclave/main', { tee, platformId })
    case 'dstack':
      return node('@vorta/enclave/dstack', { tee, ...(endpoint !== undefined && { endpoint }) })
    case 'gramine':
      // The wrapper is a shell script and finds its tools by PATH; Gramine itself
      // drops the environment, unless the manifest says otherwise.
      return {
        command: 'gramine-sgx',
        args: [manifest],
        env: { PATH: process.env.PATH },
        start: { tee },
      }
  }
}

const node = (program: string, start: StartMessage): EnclaveProgram => ({
  command: process.execPath,
  args: [fileURLToPath(import.meta.resolve(program))],
  env: {},
  start,
})

// The enclave as a process: frames on stdin, frames on stdout, log lines on
// stderr. It lives exactly as long as its host keeps stdin open, so that a
// worker that dies leaves nothing behind.

import { systemClock, VortaError } from '@vorta/core'
import { createEnclave } from './enclave.ts'
import { encodeFrame, frameReader } from './frames.ts'
import { stderrLog } from './log.ts'
import type { OpenPlatform } from './platform.ts'

/** `entry` is the absolute path of the program's entry file. */
export function serveEnclave(entry: string, open: OpenPlatform): void {
  const enclave = createEnclave({
    open: (params) => open(params, { entry, clock: systemClock }),
    clock: systemClock,
    micros: () => Math.floor(performance.now() * 1000),
    log: stderrLog,
    send: (answer) => process.stdout.write(encodeFrame(answer)),
  })

  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  // A terminal's Ctrl-C reaches every process of the group. The host drains on it,
  // and the enclave has to finish its work for that.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  process.stdout.on('error', () => process.exit(1)) // nobody listens any more
  process.stdin.on('end', () => process.exit(0))
  process.stdin.on('error', die)

  const read = frameReader((body) => void enclave.handle(body))
  process.stdin.on('data', (chunk) => {
    try {
      read(chunk)
    } catch (thrown) {
      die(thrown) // the frames have lost their beginnings
    }
  })
}

function die(thrown: unknown): never {
  const { code, message } = VortaError.from(thrown)
  stderrLog('error', `${code}: ${message}`)
  process.exit(1)
}

// The entry of the process: makes the Io of the real world and runs one command.

import { run } from './run.ts'

// Whoever reads our output may close it early (`| head`). That ends us as the
// signal would have: never with a stack, and never with 0, which a script would
// take for "verified".
const brokenPipe = 128 + 13
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? brokenPipe : 1)
  })
}

process.exitCode = await run(process.argv.slice(2), {
  stdout: {
    write: (data) => process.stdout.write(data),
    isTTY: process.stdout.isTTY === true,
  },
  stderr: {
    write: (data) => process.stderr.write(data),
    isTTY: process.stderr.isTTY === true,
  },
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  now: () => Date.now(),
  onInterrupt: (listener) => {
    process.on('SIGINT', listener)
    return () => process.off('SIGINT', listener)
  },
})

// A question nobody answered must not keep the process alive.
process.stdin.destroy()

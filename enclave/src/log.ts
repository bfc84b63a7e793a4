// Log lines on stderr, in the form the rest of Vorta logs in. A logging library
// would be measured code for no gain.

export type Log = (level: 'info' | 'warn' | 'error', message: string) => void

export const stderrLog: Log = (level, msg) => {
  const time = new Date().toISOString()
  process.stderr.write(`${JSON.stringify({ level, time, component: 'enclave', msg })}\n`)
}

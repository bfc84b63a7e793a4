// Structured logs: one JSON object a line on stderr, with RFC 3339 times.
// Secrets never reach a logger: nothing here logs headers, tokens or keys.

import { destination, type Logger, pino, stdTimeFunctions } from 'pino'

export type { Logger }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export function createLogger(component: string, level: LogLevel = 'info'): Logger {
  return pino(
    {
      base: { component },
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  )
}

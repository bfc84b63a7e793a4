// The connection to the mainframe: reachable, token accepted, clocks agree.

import { VortaError } from '@vorta/core'
import type { Io } from '../io.ts'
import { withServer } from '../server.ts'
import { type Connection, resolveTarget } from '../target.ts'
import type { Ui } from '../ui.ts'
import { absent, type Finding, fails, named, ok, type Result, warn } from './finding.ts'

// A receipt's order check allows as much; more than this and times look wrong.
const tolerableSkewMs = 60_000

/** Three findings of one call. */
export async function server(ui: Ui, connection: Connection): Promise<readonly Finding[]> {
  let date: string | null = null
  try {
    const { endpoint, tokenSource } = await resolveTarget(ui.io, connection)
    const info = await withServer(ui, connection, async ({ cluster }) => {
      const onHeader = (headers: Headers) => {
        date = headers.get('date')
      }
      return cluster.getServerInfo({}, { onHeader, timeoutMs: 5_000 })
    })
    const tier = info.simulatedAccepted ? ', accepts SIMULATED enclaves' : ''
    return [
      named('endpoint', ok(`${endpoint}, version ${info.version}${tier}`)),
      named('token', ok(`accepted (${tokenSource})`)),
      named('clock', clock(ui.io, Date.parse(date ?? ''), "the server's")),
    ]
  } catch (thrown) {
    const { code, message, hints } = VortaError.from(thrown)
    const isDenied = code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED'
    const fault = fails(isDenied ? 'TOKEN_REFUSED' : 'SERVER_FAULT', message)
    const failed = { ...fault, remedy: hints[0] ?? fault.remedy }
    return [
      named('endpoint', isDenied ? ok('reachable') : failed),
      named('token', isDenied ? failed : absent('TOKEN_UNKNOWN', 'no server')),
      named('clock', absent('CLOCK_UNKNOWN', 'no answer to compare with')),
    ]
  }
}

/** `theirs` in milliseconds, NaN where unknown; `whose` as in "3 s from the server's". */
export function clock({ now }: Pick<Io, 'now'>, theirs: number, whose: string): Result {
  if (Number.isNaN(theirs)) return absent('CLOCK_UNKNOWN', 'no Date to compare with')
  const skew = now() - theirs
  const detail = `${(skew / 1000).toFixed(0)} s from ${whose}`
  return Math.abs(skew) <= tolerableSkewMs ? ok(detail) : warn('CLOCK_SKEW', detail)
}
